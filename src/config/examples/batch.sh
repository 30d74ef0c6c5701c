#!/bin/sh
# The manifest of one very large database, read by an array job of AWS Batch in one snapshot. docs/parts.md says how many jobs
# are worth it. With the AWS CLI, on a host that reaches the database and has mounted the EFS file system of the jobs:
#   pgwitness config example batch > batch.sh     # edit the block below, and nothing else
#   PGPASSWORD=... sh batch.sh
#
# This script holds the snapshot, starts the jobs, waits, and merges. All jobs must reach the same server: name the primary or
# one standby, not a name that stands for several (of an Aurora cluster: an instance). Never run against real AWS.

# ---- Edit this block -------------------------------------------------------------------------------------------------

# Without the password; with the options that all parts have in common.
SOURCE='postgresql://backup@db.example.org:5432/shop?sslmode=verify-full&sslrootcert=system'
# From 2 to 10000.
PARTS=8
REGION='eu-central-1'
# A queue with a compute environment of Fargate, in subnets that reach the database, the file system and the registry.
QUEUE='pgwitness'
# The image of packaging/Containerfile without its entry point, which a job cannot replace as its command does:
#   printf 'FROM pgwitness\nENTRYPOINT []\n' | podman build -t IMAGE -
IMAGE='123456789012.dkr.ecr.eu-central-1.amazonaws.com/pgwitness:0.2.0'
# A role that may pull the image, write logs and read the secret.
EXECUTION_ROLE='arn:aws:iam::123456789012:role/pgwitness-batch'
# The secret with the password, as plain text.
PASSWORD_SECRET='arn:aws:secretsmanager:eu-central-1:123456789012:secret:pgwitness-shop'
FILE_SYSTEM='fs-0123456789abcdef0'
# Where this host has mounted its root directory. User 10001 of the image must be able to write there, and this user too.
DIRECTORY='/mnt/pgwitness'
# The snapshot keeps VACUUM from removing rows: not longer than this.
HOLD_FOR='12h'

# ---- End of the block ------------------------------------------------------------------------------------------------

set -eu
export AWS_PAGER='' AWS_DEFAULT_REGION="$REGION"
name=$(date -u +%Y%m%dT%H%M%SZ)
run="$DIRECTORY/$name"
mkdir "$run"
chmod 0777 "$run"

holder=''
job=''
ended() {
    code=$?
    [ -z "$holder" ] || kill "$holder" 2> /dev/null || :
    [ "$code" -eq 0 ] || [ -z "$job" ] || aws batch terminate-job --job-id "$job" --reason 'batch.sh has ended' || :
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Array indexes count from 0, parts from 1. A part that could not read everything has a file too.
# shellcheck disable=SC2016
script='set -eu
part=$((AWS_BATCH_JOB_ARRAY_INDEX + 1))
file="/parts/$RUN/$part.part"
rm -f "$file" "$file.partial"
pgwitness manifest "$SOURCE" "$file" --snapshot "$SNAPSHOT" --part "$part/$PARTS" --jobs 2 --quiet || [ -e "$file" ]'

# A text as JSON.
json() {
    printf '"%s"' "$(printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/$/\\n/' | tr -d '\n' | sed -e 's/\\n$//')"
}

properties() {
    cat <<END
{
  "image": $(json "$IMAGE"),
  "command": ["/bin/sh", "-c", $(json "$script")],
  "executionRoleArn": $(json "$EXECUTION_ROLE"),
  "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}],
  "environment": [
    {"name": "SOURCE", "value": $(json "$SOURCE")},
    {"name": "PARTS", "value": "$PARTS"}
  ],
  "secrets": [{"name": "PGPASSWORD", "valueFrom": $(json "$PASSWORD_SECRET")}],
  "volumes": [
    {"name": "parts", "efsVolumeConfiguration": {"fileSystemId": $(json "$FILE_SYSTEM"), "transitEncryption": "ENABLED"}}
  ],
  "mountPoints": [{"sourceVolume": "parts", "containerPath": "/parts", "readOnly": false}]
}
END
}

# What differs between two runs of this script.
overrides() {
    cat <<END
{"environment": [
  {"name": "RUN", "value": "$name"},
  {"name": "SNAPSHOT", "value": $(json "$snapshot")}
]}
END
}

definition=$(aws batch register-job-definition --job-definition-name pgwitness-parts --type container \
    --platform-capabilities FARGATE --container-properties "$(properties)" --query jobDefinitionArn --output text)

pgwitness manifest "$SOURCE" --export-snapshot --hold-for "$HOLD_FOR" > "$run/snapshot" &
holder=$!
until [ -s "$run/snapshot" ]; do
    kill -0 "$holder" || exit 2
    sleep 1
done
snapshot=$(cat "$run/snapshot")

job=$(aws batch submit-job --job-name "pgwitness-$name" --job-queue "$QUEUE" --job-definition "$definition" \
    --array-properties "size=$PARTS" --retry-strategy attempts=3 --container-overrides "$(overrides)" \
    --query jobId --output text)
echo "job $job reads $PARTS parts"
status=''
while [ "$status" != SUCCEEDED ]; do
    # Without it, no other part can begin.
    kill -0 "$holder" || exit 2
    sleep 30
    status=$(aws batch describe-jobs --jobs "$job" --query 'jobs[0].status' --output text)
    if [ "$status" = FAILED ]; then
        echo "error: a part failed: aws batch list-jobs --array-job-id $job --job-status FAILED" >&2
        exit 2
    fi
done
pgwitness manifest merge "$run"/*.part --output "$DIRECTORY/shop-$name.json"
