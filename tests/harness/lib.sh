# shellcheck shell=bash disable=SC2015,SC2016,SC2034
# What the steps of tests/run share. Sourced, never run.

noren_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
# Everything that is downloaded lies here, outside the work tree, and outlives a clone.
noren_cache="${XDG_CACHE_HOME:-$HOME/.cache}/noren"

say() { printf '%s\n' "$*" >&2; }

is_root() { [ "$(id -u)" -eq 0 ]; }

has() { command -v "$1" >/dev/null 2>&1; }

# Debian, Ubuntu and what comes from them.
is_debian() { has apt-get && [ -r /etc/debian_version ]; }

# The target directory cargo really uses (CARGO_TARGET_DIR or a configuration file may move it).
cargo_target_dir() {
  (cd "$noren_root" && cargo metadata --no-deps --format-version 1 --offline 2>/dev/null ||
    cargo metadata --no-deps --format-version 1) |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# The shared library's file name on this system.
cdylib_name() {
  case "$(uname -s)" in
    Darwin) printf 'libnoren_ffi.dylib\n' ;;
    *) printf 'libnoren_ffi.so\n' ;;
  esac
}

# The mirror this machine already installs Debian packages from; empty where there is none (debootstrap then uses its own default).
debian_mirror() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed -n 's/^Debian|Debian|//p' | sort -u | head -n 1
}

# apt_need PACKAGE…: installs those that are missing. Only root on Debian can; anywhere else it answers 1 and says what is missing.
apt_need() {
  local missing=() package
  is_debian || { say "not a Debian system: needs $*"; return 1; }
  for package in "$@"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ "${#missing[@]}" -eq 0 ] && return 0
  is_root || { say "not root: cannot install ${missing[*]}"; return 1; }
  local opts=(-y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
  DEBIAN_FRONTEND=noninteractive apt-get "${opts[@]}" install "${missing[@]}" >&2 </dev/null && return 0
  # A fresh image has no package lists, and an old one stale ones.
  apt-get -qq -o Acquire::Retries=3 update >&2 </dev/null
  DEBIAN_FRONTEND=noninteractive apt-get "${opts[@]}" install "${missing[@]}" >&2 </dev/null
}

# with_lock FILE COMMAND…: two runs at the same time must not build the same cache entry twice.
with_lock() {
  local lock="$1"; shift
  mkdir -p "$(dirname "$lock")"
  if has flock; then
    ( flock 9 && "$@" ) 9>"$lock"
  else
    "$@"
  fi
}
