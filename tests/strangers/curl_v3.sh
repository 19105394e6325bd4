#!/bin/sh
# The life of a v3 session in curl: sign in, list, create, read, change, be refused, pass a
# challenge, pay, come back as a remembered device, upload, sign out.
#
# usage: curl_v3.sh ORIGIN
#
# It uses the sandbox's demo account, prints a line for every step, and exits with 1 at the first
# surprise.
set -eu

origin=${1:?usage: curl_v3.sh ORIGIN}
v3=$origin/connect/v3
key=demo-dev-key
login='"username":"demo@example.com","organizationId":"00800000000000000001"'
bill=00n01000000000000001

# A proxy of the environment has no business between curl and this machine.
export NO_PROXY='*'

fail() {
    echo "curl: $1" >&2
    exit 1
}

# curl with what every call has in common; $answer is the body, $status the HTTP status.
send() {
    both=$(curl --silent --show-error --max-time 20 --write-out '\n%{http_code}' \
        --header 'accept: application/json' "$@")
    status=$(printf '%s\n' "$both" | tail -n 1)
    answer=$(printf '%s\n' "$both" | sed '$d')
}

sign_in() {
    send --header 'content-type: application/json' --data "$1" "$v3/login"
}

# A call in the session: method, path, and then whatever else curl is to be told.
call() {
    method=$1
    path=$2
    shift 2
    send --request "$method" --header "sessionId: $session" --header "devKey: $key" "$@" \
        "$v3/$path"
}

say() {
    method=$1
    path=$2
    call "$method" "$path" --header 'content-type: application/json' --data "$3"
}

# Fails unless the status is as expected and the answer has the text in it.
expect() {
    [ "$status" = "$1" ] || fail "expected HTTP $1, saw $status: $answer"
    case $answer in
        *"$2"*) ;;
        *) fail "expected $2, saw $answer" ;;
    esac
}

# The value of a text member of the answer.
member() {
    value=$(printf '%s' "$answer" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p")
    [ -n "$value" ] || fail "the answer has no $1: $answer"
    printf '%s' "$value"
}

password='"password":"demo-password"'
sign_in "{$login,$password,\"devKey\":\"$key\"}"
expect 200 '"trusted":false'
session=$(member sessionId)
call GET login/session
expect 200 '"mfaStatus":"CHALLENGE"'
echo "curl signs in: ok"

sign_in "{$login,\"password\":\"wrong\",\"devKey\":\"$key\"}"
expect 401 '"code":"BDC_1101"'
sign_in "{$login,$password,\"devKey\":\"wrong\"}"
expect 401 '"code":"BDC_1102"'
echo "curl is refused with wrong credentials: ok"

call GET 'vendors?max=2'
expect 200 '"id":"00901000000000000002"'
page=$(member nextPage)
call GET vendors --get --data-urlencode "page=$page" --data 'max=2'
expect 200 '"id":"00901000000000000004"'
case $answer in *'"id":"00901000000000000002"'*) fail "a vendor came twice" ;; esac
call GET 'vendors?max=101'
expect 422 '"code":"BDC_1002"'
echo "curl lists in pages: ok"

say POST vendors '{"name":"Fish & Chips = 100% + Söhne"}'
expect 201 '"name":"Fish & Chips = 100% + Söhne"'
vendor=vendors/$(member id)
call GET "$vendor"
expect 200 '"archived":false'
say PATCH "$vendor" '{"email":"fish@example.com"}'
expect 200 '"email":"fish@example.com"'
call GET "$vendor"
expect 200 '"email":"fish@example.com"'
call DELETE "$vendor"
expect 200 '"name":"Fish'
call GET "$vendor"
expect 404 '"code":"BDC_1002"'
echo "curl creates, reads, changes and deletes: ok"

say POST payments "{\"billId\":\"$bill\",\"amount\":10}"
expect 403 '"code":"BDC_1361"'
say POST mfa/challenge '{"useBackup":"false"}'
expect 200 '"challengeId":"'
challenge=$(member challengeId)
rest='"device":"curl","machineName":"a machine","rememberMe":true'
say POST mfa/challenge/validate "{\"challengeId\":\"$challenge\",\"token\":\"000000\",$rest}"
expect 422 '"code":"BDC_1357"'
say POST mfa/challenge/validate "{\"challengeId\":\"$challenge\",\"token\":\"123456\",$rest}"
expect 200 '"rememberMeId":"'
remembered=$(member rememberMeId)
say POST payments "{\"billId\":\"$bill\",\"amount\":10}"
expect 201 '"amount":10'
echo "curl passes a challenge to pay: ok"

first=$session
device="\"device\":\"curl\",\"rememberMeId\":\"$remembered\""
sign_in "{$login,$password,\"devKey\":\"$key\",$device}"
expect 200 '"trusted":true'
session=$(member sessionId)
say POST payments "{\"billId\":\"$bill\",\"amount\":20}"
expect 201 '"amount":20'
echo "curl comes back as a remembered device: ok"

call POST "documents/bills/$bill?name=hello.txt" --header 'content-type: text/plain' \
    --data-binary 'hello, bill'
expect 200 '"uploadId":"'
echo "curl uploads a file: ok"

for session in "$session" "$first"; do
    call POST logout
    [ "$status" = 200 ] && [ -z "$answer" ] || fail "signing out: HTTP $status, $answer"
    call GET login/session
    expect 401 '"code":"BDC_1109"'
done
echo "curl signs out: ok"
