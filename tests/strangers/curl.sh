#!/bin/sh
# BILL's own example of signing in, word for word, with only the origin and the values changed.
#
# usage: curl.sh ORIGIN
#
# The values are those of the sandbox's demo account unless BILL_USERNAME, BILL_PASSWORD,
# BILL_ORG_ID and BILL_DEV_KEY say otherwise. Exits with 1 if the sign-in does not succeed.
set -eu

origin=${1:?usage: curl.sh ORIGIN}
username=${BILL_USERNAME:-demo@example.com}
password=${BILL_PASSWORD:-demo-password}
organization_id=${BILL_ORG_ID:-00800000000000000001}
developer_key=${BILL_DEV_KEY:-demo-dev-key}

# A proxy of the environment has no business between curl and this machine.
export NO_PROXY='*'

answer=$(curl --silent --show-error --max-time 20 --request POST  \
--url "$origin/api/v2/Login.json" \
--header 'accept: application/json' \
--header 'content-type: application/x-www-form-urlencoded' \
--data "userName=$username" \
--data "password=$password" \
--data "orgId=$organization_id" \
--data "devKey=$developer_key")

fail() {
    echo "curl: $1" >&2
    exit 1
}

case $answer in
    *'"response_status":0,"response_message":"Success"'*) ;;
    *) fail "not signed in" ;;
esac
for field in sessionId orgId apiEndPoint usersId; do
    case $answer in
        *"\"$field\":\""*) ;;
        *) fail "the answer has no $field" ;;
    esac
done
case $answer in
    *"\"apiEndPoint\":\"$origin/api/v2\""*) ;;
    *) fail "apiEndPoint is another place" ;;
esac
echo "curl: signed in"
