#!/bin/sh
# The AWS side of a nightly backup of an RDS instance: a subnet group, a security group, a parameter group, and an IAM user
# with the smallest policy and its access key. With the AWS CLI and the rights of an administrator of the account:
#   pgwitness config example aws > aws.sh     # edit the block below, and nothing else
#   sh aws.sh
#
# What is there already stays as it is, except the policy, which is brought up to date. On an EC2 instance, an instance
# profile with the same policy is better than a user: then leave out the last two parts. Never run against real AWS.

# ---- Edit this block -------------------------------------------------------------------------------------------------

# Production.
INSTANCE='shop-production'
REGION='eu-central-1'
# The only address that reaches the temporary instance: of the backup host, as the VPC sees it.
ADDRESS='203.0.113.5/32'
PUBLICLY_ACCESSIBLE=false       # true: that host is outside of the VPC and has no tunnel into it

# Names of what is made. All temporary instances are called PREFIX-…; no other instance of the account may be.
PREFIX='pgwitness'
SUBNET_GROUP='pgwitness'
SECURITY_GROUP_NAME='pgwitness'
PARAMETER_GROUP='pgwitness'
USER_NAME='pgwitness'
# The file for the access key (mode 0600).
CREDENTIALS='/etc/pgwitness/aws-credentials'

# ---- End of the block ------------------------------------------------------------------------------------------------

set -eu
export AWS_PAGER='' AWS_DEFAULT_REGION="$REGION"
STEP='start'
errors=$(mktemp)

ended() {
    code=$?
    rm -f "$errors"
    [ "$code" -eq 0 ] || echo "error: not complete, it stopped at: $STEP" >&2
}
trap ended EXIT

# fail CAUSE HINT
fail() {
    echo "error: $1" >&2
    echo "  try: $2" >&2
    exit 2
}

# is_there CODE COMMAND…: whether the command finds it. CODE is the error of AWS for what is not there; any other error ends
# the script.
is_there() {
    absent=$1
    shift
    "$@" > /dev/null 2> "$errors" && return 0
    grep -q "($absent)" "$errors" || fail "$(cat "$errors")" 'check the credentials (aws sts get-caller-identity) and the settings'
    return 1
}

STEP='the account'
arn=$(aws sts get-caller-identity --query Arn --output text)
PARTITION=$(echo "$arn" | cut -d : -f 2)
ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
echo "account $ACCOUNT, region $REGION"

STEP="the instance $INSTANCE"
of_source() {
    aws rds describe-db-instances --db-instance-identifier "$INSTANCE" --query "DBInstances[0].$1" --output text
}
vpc=$(of_source DBSubnetGroup.VpcId)
subnets=$(of_source 'DBSubnetGroup.Subnets[].SubnetIdentifier')
family_of() {
    aws rds describe-db-parameter-groups --db-parameter-group-name "$1" --output text \
        --query 'DBParameterGroups[0].DBParameterGroupFamily'
}
family=$(family_of "$(of_source 'DBParameterGroups[0].DBParameterGroupName')")

# In the subnets of production, in two availability zones at least.
STEP="subnet group $SUBNET_GROUP"
if is_there DBSubnetGroupNotFoundFault aws rds describe-db-subnet-groups --db-subnet-group-name "$SUBNET_GROUP"; then
    echo "there  $STEP"
else
    # shellcheck disable=SC2086 # several words
    aws rds create-db-subnet-group --db-subnet-group-name "$SUBNET_GROUP" \
        --db-subnet-group-description 'temporary instances of pgwitness' --subnet-ids $subnets > /dev/null
    echo "made   $STEP"
fi

# One rule: the backup host reaches PostgreSQL. None leads out: jobs and functions in the copy of production reach nothing.
STEP="security group $SECURITY_GROUP_NAME"
group=$(aws ec2 describe-security-groups --filters "Name=group-name,Values=$SECURITY_GROUP_NAME" "Name=vpc-id,Values=$vpc" \
    --query 'SecurityGroups[].GroupId' --output text)
if [ -n "$group" ]; then
    echo "there  $STEP, $group"
else
    group=$(aws ec2 create-security-group --group-name "$SECURITY_GROUP_NAME" --vpc-id "$vpc" \
        --description 'temporary instances of pgwitness' --query GroupId --output text)
    echo "made   $STEP, $group"
fi
rules() {
    aws ec2 describe-security-group-rules --filters "Name=group-id,Values=$group" --output text --query "$1"
}
STEP="the rule of security group $group"
inward=$(rules "SecurityGroupRules[?IsEgress==\`false\`].[IpProtocol,FromPort,ToPort,CidrIpv4]")
case $inward in
    '')
        aws ec2 authorize-security-group-ingress --group-id "$group" --ip-permissions \
            "IpProtocol=tcp,FromPort=5432,ToPort=5432,IpRanges=[{CidrIp=$ADDRESS,Description=pgwitness}]" > /dev/null
        echo "made   rule for $ADDRESS" ;;
    "$(printf 'tcp\t5432\t5432\t%s' "$ADDRESS")") echo "there  rule for $ADDRESS" ;;
    *) fail "the security group $group has other rules: $inward" 'take another name for the group, or remove these rules' ;;
esac
outward=$(rules "SecurityGroupRules[?IsEgress==\`true\`].SecurityGroupRuleId")
if [ -n "$outward" ]; then
    # shellcheck disable=SC2086 # several words
    aws ec2 revoke-security-group-egress --group-id "$group" --security-group-rule-ids $outward > /dev/null
    echo 'made   no rule that leads out'
else
    echo 'there  no rule that leads out'
fi

# The defaults of production's major version: without the parameters of production, so that pg_cron runs no job in the copy.
STEP="parameter group $PARAMETER_GROUP"
found=None
is_there DBParameterGroupNotFound family_of "$PARAMETER_GROUP" && found=$(family_of "$PARAMETER_GROUP")
case $found in
    "$family") echo "there  $STEP" ;;
    None)
        aws rds create-db-parameter-group --db-parameter-group-name "$PARAMETER_GROUP" --db-parameter-group-family "$family" \
            --description 'temporary instances of pgwitness' > /dev/null
        echo "made   $STEP, family $family" ;;
    *) fail "$STEP is of family $found, and production is of $family" 'take another name for it, here and in pgwitness.toml' ;;
esac

STEP="user $USER_NAME"
if is_there NoSuchEntity aws iam get-user --user-name "$USER_NAME"; then
    echo "there  $STEP"
else
    aws iam create-user --user-name "$USER_NAME" > /dev/null
    echo "made   $STEP"
fi

# The smallest policy, as `pgwitness config example iam` prints it. This command replaces an earlier version of it.
STEP="policy of user $USER_NAME"
not_public=true
[ "$PUBLICLY_ACCESSIBLE" = false ] || not_public=false
aws iam put-user-policy --user-name "$USER_NAME" --policy-name pgwitness --policy-document "$(cat <<END
<POLICY>
END
)"
echo "set    $STEP"

STEP="access key in $CREDENTIALS"
if [ -e "$CREDENTIALS" ]; then
    echo "there  $STEP"
else
    keys=$(aws iam list-access-keys --user-name "$USER_NAME" --query 'AccessKeyMetadata[].AccessKeyId' --output text)
    [ -z "$keys" ] || fail "user $USER_NAME has a key that is not in $CREDENTIALS: $keys" \
        'copy the file of that key there, or delete the key: aws iam delete-access-key'
    [ -d "$(dirname "$CREDENTIALS")" ] || fail "there is no directory for $CREDENTIALS" 'make it, or name another file'
    (umask 077 && : > "$CREDENTIALS.new")
    aws iam create-access-key --user-name "$USER_NAME" --output text \
        --query 'AccessKey.[AccessKeyId,SecretAccessKey]' > "$CREDENTIALS.new"
    read -r id secret < "$CREDENTIALS.new"
    printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$id" "$secret" > "$CREDENTIALS.new"
    mv "$CREDENTIALS.new" "$CREDENTIALS"
    # The user of the nightly run, where this is its host.
    if [ "$(id -u)" -eq 0 ] && id pgwitness > /dev/null 2>&1; then
        chown pgwitness: "$CREDENTIALS"
    fi
    echo "made   $STEP"
fi

cat <<END
For setup.sh, or [source] and [source.temporary] of pgwitness.toml:
INSTANCE='$INSTANCE'
REGION='$REGION'
SUBNET_GROUP='$SUBNET_GROUP'
SECURITY_GROUP='$group'
PARAMETER_GROUP='$PARAMETER_GROUP'
PUBLICLY_ACCESSIBLE=$PUBLICLY_ACCESSIBLE
END
