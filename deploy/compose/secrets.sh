#!/bin/sh
# Makes the secrets of compose.yaml in a folder that only its owner may enter. What is there already is kept.
# The files themselves may be read by all: containers are given them one by one, and run as other users.
#     sh deploy/compose/secrets.sh [DIR]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/secrets}
umask 022
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

random() { openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n'; }
keep() { [ -s "$1" ] || { cat > "$1.new" && mv "$1.new" "$1"; }; }

for name in postgres_password api_password node_password flower_password; do random | keep $name; done
for name in admin_token node_token; do echo "fl_$(openssl rand -hex 4)_$(random)" | keep $name; done
openssl rand -base64 32 | tr '+/' '-_' | keep secrets_key
echo "postgresql+psycopg://flotilla:$(cat postgres_password)@postgres:5432/flotilla" | keep database_url
echo "redis://flotilla-api:$(cat api_password)@redis:6379/0" | keep broker_url_api
echo "redis://flotilla-node:$(cat node_password)@redis:6379/0" | keep broker_url_node
sed -e "s/API_PASSWORD/$(cat api_password)/" -e "s/NODE_PASSWORD/$(cat node_password)/" \
    -e "s/FLOWER_PASSWORD/$(cat flower_password)/" "$here/../redis/users.acl" | keep users.acl
echo "secrets are in $folder; log in with the token of $folder/admin_token"
