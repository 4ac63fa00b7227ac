"""How the report looks: in light and in dark, on a screen and on paper. States have a sign beside their colour."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2128; --faint: #57606a; --line: #d0d7de; --fill: #f6f8fa;
  --good: #1a7f37; --bad: #b3261e; --busy: #0b61a4; --wait: #6e7781; --stop: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e6edf3; --faint: #9aa5b1; --line: #3a424c;
  --fill: #1d232a; --good: #57c26b; --bad: #ff8f85; --busy: #6cb6ff; --wait: #9aa5b1; --stop: #e0b64b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 24px 16px; }
h1 { margin: 0 0 12px; font-size: 1.7rem; overflow-wrap: anywhere; }
h2 { margin: 32px 0 8px; font-size: 1.2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--faint); padding: 4px 0; }
th, td { text-align: left; padding: 3px 12px 3px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
pre { background: var(--fill); border: 1px solid var(--line); padding: 8px; overflow-x: auto; white-space: pre-wrap; }
.scroll { overflow-x: auto; }
.urgent { color: var(--bad); }
.state { white-space: nowrap; }
footer { margin-top: 32px; color: var(--faint); font-size: .85rem; }
svg { font: 13px system-ui, sans-serif; display: block; }
svg text { fill: var(--ink); }
svg .small { font-size: 11px; fill: var(--faint); }
svg .edges path { fill: none; stroke: var(--wait); stroke-width: 1.2; }
svg .tick { stroke: var(--line); }
svg g > rect { fill: var(--fill); stroke: currentColor; stroke-width: 1.5; }
svg .bar { fill: currentColor; stroke: none; }
.succeeded { color: var(--good); }
.failed, .timed_out, .out_of_memory, .lost { color: var(--bad); }
.running, .queued, .ready, .pending { color: var(--busy); }
.waiting, .skipped { color: var(--wait); }
.canceled, .paused { color: var(--stop); }
@media print { main { max-width: none; } details { break-inside: avoid; } }
"""
