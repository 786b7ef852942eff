#!/usr/bin/env bash
# Runs every check of the project on a fresh Debian machine: `bash tests/run.sh`. `bash tests/run.sh comparison` runs the
# comparison of real applications instead, and writes docs/comparison.md.
#
# Installs what is missing when it runs as root; otherwise it stops and says which command installs it.
# ONELANE_SOAK_SECONDS is the length of the long random run (8).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n== %s\n' "$*"; }

# What each program is needed for. Rust itself:
declare -A package=([curl]=curl [gcc]=gcc)
# Those that malformed requests are compared with, and applications:
package+=([haproxy]=haproxy [nginx]=nginx-light [python3]=python3 [node]=nodejs [npm]=npm [redis-server]=redis-server)
# ASP.NET:
package+=([fastcgi-mono-server4]=mono-fastcgi-server4 [mcs]="mono-mcs libmono-system-web-mvc3.0-cil" [asp-state4]=mono-xsp4)
# Rails:
package+=([puma]=puma)
# JSPs; what serves them is below, and none of it is a service:
package+=([java]=default-jre-headless)
# A browser:
package+=([chromium]=chromium [chromedriver]=chromium-driver)
# What checks the systemd units, and passes sockets:
package+=([systemd-analyze]=systemd)
# What renders manual pages:
package+=([groff]=groff-base)
# What judges the compose file:
package+=([docker-compose]=docker-compose)
# What is no program, or one with a version in its name: PHP and Laravel, Python's environments, Django, Rails, what
# ASP.NET Core encrypts with (its SDK, 113 MB, is fetched by the tests with npm, as Express is), Tomcat, Jetty and what
# compiles its pages.
declare -A package_of_file=(
  [/usr/sbin/php-fpm*]=php-fpm [/usr/lib/php/*/redis.so]=php-redis [/usr/lib/php/*/apcu.so]=php-apcu
  [/usr/share/php/Illuminate/Foundation/Application.php]=php-laravel-framework
  [/usr/lib/python3*/ensurepip]=python3-venv
  [/usr/lib/python3/dist-packages/django]=python3-django [/usr/lib/python3/dist-packages/gunicorn]=python3-gunicorn
  [/usr/share/rubygems-integration/all/gems/railties-*]=ruby-railties
  [/usr/lib/*/libssl.so.3]=libssl3
  [/usr/share/tomcat10/bin/bootstrap.jar]=tomcat10-common
  [/usr/share/java/jetty9-server.jar]=libjetty9-java [/usr/share/java/tomcat9-jasper.jar]=libtomcat9-java
)

install_missing() {
  local missing=() program file
  PATH="$PATH:/usr/sbin:/usr/local/sbin" # where nginx is, and ordinary users do not look
  for program in "${!package[@]}"; do
    command -v "$program" >/dev/null || missing+=(${package[$program]}) # one or several
  done
  for file in "${!package_of_file[@]}"; do
    compgen -G "$file" >/dev/null || missing+=("${package_of_file[$file]}")
  done
  ((${#missing[@]})) || return 0
  if [[ $(id -u) -ne 0 ]]; then
    echo "missing: ${missing[*]}; install with: sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  step "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates "${missing[@]}" </dev/null
}

install_rust() {
  [[ -f "${CARGO_HOME:-$HOME/.cargo}/env" ]] && . "${CARGO_HOME:-$HOME/.cargo}/env"
  command -v cargo >/dev/null && return 0
  if [[ $(id -u) -ne 0 ]]; then
    echo "missing: Rust; install with: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
    exit 1
  fi
  step "installing Rust"
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --no-modify-path
  . "${CARGO_HOME:-$HOME/.cargo}/env"
}

# Prometheus' own judge of rules. Only the program is taken from its package: the package would start a service.
install_promtool() {
  command -v promtool >/dev/null && return 0
  if [[ $(id -u) -ne 0 ]]; then
    echo "missing: promtool; install with: sudo apt-get update && sudo apt-get install -y --no-install-recommends prometheus" >&2
    exit 1
  fi
  step "installing promtool"
  local folder
  folder=$(mktemp -d)
  chmod 755 "$folder" # apt drops its rights
  apt-get update -qq
  (cd "$folder" && apt-get download -qq prometheus)
  dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -xO ./usr/bin/promtool >/usr/local/bin/promtool
  chmod 755 /usr/local/bin/promtool
  rm -r "$folder"
}

# Kubernetes' own schemas, and what compares manifests with them; in a folder of its own.
install_kubernetes_validate() {
  command -v kubernetes-validate >/dev/null && return 0
  if [[ $(id -u) -ne 0 ]]; then
    echo "missing: kubernetes-validate; install with: pipx install kubernetes-validate==$kubernetes_validate" >&2
    exit 1
  fi
  step "installing kubernetes-validate"
  /usr/bin/python3 -m venv /opt/kubernetes-validate
  /opt/kubernetes-validate/bin/pip install -q --disable-pip-version-check "kubernetes-validate==$kubernetes_validate"
  ln -sf /opt/kubernetes-validate/bin/kubernetes-validate /usr/local/bin/
}
kubernetes_validate=1.37.0

install_missing
install_promtool
install_kubernetes_validate
install_rust # rust-toolchain.toml names the version, with clippy and rustfmt

if [[ ${1:-} == comparison ]]; then
  step "comparison"
  exec cargo bench --locked --bench comparison -- --write </dev/null
fi

step "format"
cargo fmt --check
step "lints"
cargo clippy --all-targets --locked -- -D warnings
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
step "tests"
cargo test --locked </dev/null
step "corpora of the fuzz targets" # a package of its own; what both have is built once
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
cargo fmt --check --manifest-path fuzz/Cargo.toml
cargo clippy --all-targets --locked --manifest-path fuzz/Cargo.toml -- -D warnings
cargo test --locked --manifest-path fuzz/Cargo.toml </dev/null
step "release build"
cargo build --release --locked
step "demo"
timeout 120 "${CARGO_TARGET_DIR:-target}/release/onelane" demo </dev/null
step "all passed"
