"""What may be fetched for somebody: every spelling of an address that leads inside is refused, and what an operator has
opened is not.
"""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.addresses import Gate, Refused, special

GATE = Gate()
PUBLIC = "93.184.216.34"


def pass_through(url: str, gate: Gate) -> None:
    """As a resolver that gives back what it is given would have it."""
    place = gate.read(url)
    gate.judge(place, [place.host])


def refusal(url: str, gate: Gate = GATE) -> str:
    with pytest.raises(Refused) as caught:
        pass_through(url, gate)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///etc/passwd", "scheme 'file'"),
        ("gopher://h/", "scheme 'gopher'"),
        ("ftp://h/", "scheme 'ftp'"),
        ("//h/x", "scheme ''"),
        ("http:///x", "neither a name nor an address"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is a link-local address"),
        ("http://[::ffff:127.0.0.1]/", "IPv4 address inside"),
        ("http://[::127.0.0.1]/", "IPv4 address inside"),
        ("http://[64:ff9b::7f00:1]/", "IPv4 address inside"),
        ("http://[2002:7f00:1::]/", "IPv4 address inside"),
        ("http://[::1]/", "loopback"),
        ("http://[fe80::1]/", "link-local"),
        ("http://[fe80::1%25eth0]/", "neither a name nor an address"),
        ("http://[fd00:ec2::254]/", "private"),
        ("http://[ff02::1]/", "multicast"),
        ("http://[::]/", "of this host"),
        ("http://0x7f.1/", "neither a name nor an address"),
        ("http://0x7f000001/", "neither a name nor an address"),
        ("http://2130706433/", "neither a name nor an address"),
        ("http://0177.0.0.1/", "neither a name nor an address"),
        ("http://127.1/", "neither a name nor an address"),
        ("http://127.0.0.1./", "neither a name nor an address"),
        ("http://\uff11\uff12\uff17.0.0.1/", "neither a name nor an address"),
        ("http://127\u30020\u30020\u30021/", "neither a name nor an address"),
        ("http://127.0.0.1:6379/", "port 6379 of 127.0.0.1"),
        ("http://127.0.0.1/", "loopback"),
        ("http://0.0.0.0/", "of this host"),
        ("http://10.1.2.3/", "private"),
        ("http://172.31.0.1/", "private"),
        ("http://192.168.0.1/", "private"),
        ("http://100.64.0.1/", "carrier"),
        ("http://224.0.0.1/", "multicast"),
        ("http://255.255.255.255/", "reserved"),
        ("http://168.63.129.16/", "cloud"),
        ("http://user:pw@h/", "user name"),
        ("http://h@127.0.0.1/", "user name"),
        ("https://h/#@evil", "behind #"),
        ("http://h\\@evil/", "backslashes"),
        ("http://h/a\nb", "control characters"),
        ("http://h:0/", "port 0"),
        ("http://h:99999/", "not a URL"),
        ("http://[::1", "not a URL"),
        ("http://a..b/", "neither a name nor an address"),
    ],
)
def test_a_way_inside_is_refused_with_its_reason(url: str, says: str) -> None:
    assert says in refusal(url)


def test_a_name_is_judged_by_all_its_addresses() -> None:
    place = GATE.read("http://localhost./x")
    GATE.judge(place, [PUBLIC])
    with pytest.raises(Refused, match=r"127\.0\.0\.1 is a loopback address"):
        GATE.judge(place, [PUBLIC, "127.0.0.1"])
    with pytest.raises(Refused, match="has no address"):
        GATE.judge(place, [])


def test_a_place_is_what_is_asked_for() -> None:
    place = GATE.read("HTTPS://B\u00dccher.example:8443/a%20b/\u00e4?q=\u00fc&x=%41")
    assert (place.scheme, place.host, place.port) == ("https", "xn--bcher-kva.example", 8443)
    assert place.target == "/a%20b/%C3%A4?q=%C3%BC&x=%41"
    assert place.netloc == "xn--bcher-kva.example:8443"
    assert GATE.read("http://[2606:2800:220:1::1]").url == "http://[2606:2800:220:1::1]/"


def test_what_the_operator_opens_is_open() -> None:
    gate = Gate.parse(allow="127.0.0.1, 10.0.0.0/8, Files.Example, *.in.house, [fd00::1]", ports="9000,9001")
    for url in ("http://127.0.0.1:9000/", "http://10.9.9.9/", "http://[fd00::1]/"):
        pass_through(url, gate)
    for host in ("files.example", "files.example.", "a.in.house"):
        gate.judge(gate.read(f"http://{host}/"), ["192.168.1.1"])
    for url in ("http://127.0.0.2/", "http://192.168.1.1/", "http://[::ffff:127.0.0.1]/"):
        assert "FLOTILLA_FETCH_ALLOW" in refusal(url, gate)
    for host in ("in.house", "notin.house", "files.example.org"):
        with pytest.raises(Refused):
            gate.judge(gate.read(f"http://{host}/"), ["192.168.1.1"])
    assert "allowed: https" in refusal("http://h/", Gate.parse(plain=False))


@pytest.mark.parametrize("wrong", [{"allow": "10.0.0.0/99"}, {"allow": "a b"}, {"ports": "0"}, {"ports": "x"}])
def test_a_setting_that_means_nothing_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Gate.parse(**wrong)


def test_a_redirect_is_judged_like_any_url() -> None:
    place = GATE.read("https://h/a/b")
    assert GATE.follow(place, "../c#x").url == "https://h/c"
    assert GATE.follow(place, "//other:8443/").url == "https://other:8443/"
    for location, says in (
        ("http://h/", "from https to http"),
        ("file:///etc/passwd", "scheme"),
        ("https://h:22/", "port 22"),
        ("https://u@h/", "user name"),
        ("https://[", "no URL"),
    ):
        with pytest.raises(Refused, match=says):
            GATE.follow(place, location)


@given(st.ip_addresses())
def test_what_is_let_through_is_global(address: object) -> None:
    found = ip_address(str(address))
    if special(found) is None:
        assert found.is_global
        assert not found.is_multicast
