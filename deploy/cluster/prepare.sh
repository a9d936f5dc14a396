#!/bin/sh
# Prepares the cluster: creates certificates, three users with random passwords, and .env with the node addresses
# and passwords, which only compose reads. Needs openssl and docker. Existing files are kept.
set -eu
cd "$(dirname "$0")"
umask 077
days=3650
nodes=certificates/nodes
image=opensearchproject/opensearch:${OPENSEARCH_VERSION:-2.19.1}

sign() { # name, extensions
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "certificates/$1-key.pem"
    openssl req -new -key "certificates/$1-key.pem" -subj "/O=verbatim/CN=$1" -out "certificates/$1.csr"
    printf '%s\n' "$2" "basicConstraints=CA:FALSE" "keyUsage=critical,digitalSignature,keyEncipherment" \
        "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid,issuer" > "certificates/$1.ext"
    openssl x509 -req -in "certificates/$1.csr" -CA certificates/ca.pem -CAkey certificates/ca-key.pem \
        -CAcreateserial -days "$days" -sha256 -extfile "certificates/$1.ext" -out "certificates/$1.pem"
    rm "certificates/$1.csr" "certificates/$1.ext"
}

if [ ! -e certificates/ca.pem ]; then
    mkdir -p "$nodes"
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out certificates/ca-key.pem
    openssl req -new -x509 -sha256 -key certificates/ca-key.pem -days "$days" -subj "/O=verbatim/CN=ca" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -out certificates/ca.pem
    sign node "subjectAltName=DNS:search1,DNS:search2,DNS:search3,DNS:localhost
extendedKeyUsage=serverAuth,clientAuth"
    sign admin "extendedKeyUsage=clientAuth"
    mv certificates/node.pem certificates/node-key.pem "$nodes"
    cp certificates/ca.pem "$nodes"
    # The nodes read these files as user 1000. The bot needs only the CA certificate, not a key.
    chmod 755 certificates && chmod 644 certificates/ca.pem
    chown -R 1000:1000 "$nodes" 2>/dev/null || chmod -R a+rX "$nodes"
fi

if [ ! -e security/internal_users.yml ]; then
    hash() { docker run --rm --entrypoint sh "$image" -c 'plugins/opensearch-security/tools/hash.sh -p "$1"' - "$1" | tail -n 1; }
    at() { printf 'https://%s:%s@search1:9200,https://%s:%s@search2:9200,https://%s:%s@search3:9200' \
        "$1" "$2" "$1" "$2" "$1" "$2"; }
    printf '_meta:\n  type: internalusers\n  config_version: 2\n' > security/internal_users.new
    for user in admin reader writer; do
        password=$(openssl rand -hex 24)
        printf '%s:\n  hash: "%s"\n  reserved: true\n' "$user" "$(hash "$password")" >> security/internal_users.new
        case $user in
            admin) printf 'admin:%s\n' "$password" > admin.txt ;;
            reader) printf 'OPENSEARCH_READER=%s\n' "$(at reader "$password")" >> .env ;;
            writer) printf 'OPENSEARCH_WRITER=%s\n' "$(at writer "$password")" >> .env ;;
        esac
    done
    chown 1000:1000 security/internal_users.new 2>/dev/null || chmod a+r security/internal_users.new
    mv security/internal_users.new security/internal_users.yml
fi
chmod a+r security/roles.yml security/roles_mapping.yml opensearch.yml Caddyfile
[ -e bot.env ] || printf 'TELEGRAM_TOKEN=\nWEBHOOK_URL=\n' > bot.env
echo "Certificates, users and .env are ready. Set TELEGRAM_TOKEN and WEBHOOK_URL in bot.env, and SITE in .env."
