#!/bin/sh
# Copies the data of a running server into a new folder below TARGET, and prints the folder's path.
#
#     backup.sh TARGET
#     REDIS_CLI="redis-cli -p 6380 --user backup" REDISCLI_AUTH=secret backup.sh /var/backups/tseep
#
# It copies the append-only file if the server writes one, otherwise a new snapshot. It needs redis-cli 7 or later, read
# access to the data directory (DATA=PATH where the server names it differently, as in a container), and a user with the
# permissions +info +bgsave +config|get +config|set. docs/deployment.md describes how to restore.
set -eu

target=$1
: "${REDIS_CLI:=redis-cli}"

cli() {
    # shellcheck disable=SC2086 # REDIS_CLI has options
    $REDIS_CLI -e "$@"
}

parameter() {
    reply=$(cli CONFIG GET "$1")
    printf '%s\n' "$reply" | sed -n 2p
}

state() { # a field of INFO persistence
    reply=$(cli INFO persistence)
    printf '%s\n' "$reply" | tr -d '\r' | sed -n "s/^$1://p"
}

await() { # until a field of INFO persistence is 0
    value=$(state "$1")
    while [ "$value" != 0 ]; do
        sleep 0.2
        value=$(state "$1")
    done
}

copy_append_only_file() {
    # A rewrite would delete files that are being copied
    percentage=$(parameter auto-aof-rewrite-percentage)
    trap 'cli CONFIG SET auto-aof-rewrite-percentage "$percentage" >/dev/null' EXIT
    cli CONFIG SET auto-aof-rewrite-percentage 0 >/dev/null
    await aof_rewrite_scheduled
    await aof_rewrite_in_progress
    folder=$(parameter appenddirname)
    cp -R "$data/$folder" "$new.partial/"
    for manifest in "$data/$folder"/*.manifest; do
        if ! cmp -s "$manifest" "$new.partial/$folder/${manifest##*/}"; then
            echo "BGREWRITEAOF has run during the copy: repeat the backup" >&2
            exit 1
        fi
    done
}

copy_snapshot() {
    await rdb_bgsave_in_progress
    cli BGSAVE >/dev/null
    await rdb_bgsave_in_progress
    status=$(state rdb_last_bgsave_status)
    if [ "$status" != ok ]; then
        echo "BGSAVE has failed: the server's log has the cause" >&2
        exit 1
    fi
    file=$(parameter dbfilename)
    cp "$data/$file" "$new.partial/"
}

data=${DATA:-$(parameter dir)}
appendonly=$(parameter appendonly)
new=$target/$(date -u +%Y-%m-%dT%H%M%SZ)
umask 077
mkdir -p "$new.partial"
if [ "$appendonly" = yes ]; then copy_append_only_file; else copy_snapshot; fi
mv "$new.partial" "$new"
echo "$new"
