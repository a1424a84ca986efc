# shellcheck shell=bash
# The provider where Terraform looks for it by itself. Sourced by tools/prepare, which defines say and terraform_binary.

prepare_provider() {
    local version mirror=$HOME/.terraform.d/plugins folder file
    version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
    folder=$mirror/terraform.local/halab/halab/$version/linux_amd64
    file=$folder/terraform-provider-halab_v$version
    mkdir -p "$folder"
    ln -sfn "$PWD" "$HOME/.terraform.d/halab"
    if [ -x "$file" ] && cmp -s provider/launcher "$file"; then
        say "provider: installed"
    else
        say "provider: installing $file"
        # Terraform hashes all of the folder: the launcher is alone in it, and the same for all checkouts.
        install -m 755 provider/launcher "$folder/../new-launcher"
        mv "$folder/../new-launcher" "$file"
    fi
    check_provider_found "$mirror"
}

# A CLI configuration that says where providers come from turns the folder off in which Terraform looks by itself.
check_provider_found() {
    local said folder
    grep -qs provider_installation "${TF_CLI_CONFIG_FILE:-$HOME/.terraformrc}" "$HOME/.tofurc" "$HOME"/.terraform.d/*.tfrc || return 0
    folder=$(mktemp -d)
    printf 'terraform {\n  required_providers {\n    halab = {\n      source = "%s"\n    }\n  }\n}\n' terraform.local/halab/halab >"$folder/main.tf"
    if said=$(CHECKPOINT_DISABLE=1 "$(terraform_binary)" -chdir="$folder" init -input=false -no-color 2>&1); then
        rm -r "$folder"
        return
    fi
    rm -r "$folder"
    cat >&2 <<END
prepare: Terraform does not find the provider: your CLI configuration says where providers come from.
  - remedy: in its provider_installation add
        filesystem_mirror {
          path    = "$1"
          include = ["terraform.local/*/*"]
        }
    and to each other method there (direct, network_mirror)
          exclude = ["terraform.local/*/*"]
Terraform said:
$said
END
    return 1
}
