# Functions for tests/run and .ci/run: install what is missing. Sourced from the root of the repository.

tools="$PWD/target/test-tools"

# Installs Debian packages whose command is missing. Arguments: COMMAND=PACKAGE...
need() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair##*=}")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
}

# Installs the Python packages of a requirements file into the tests' own environment.
python() {
  if ! "$tools/python/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$tools/python"
    python3 -m venv "$tools/python" 2>/dev/null || {
      rm -rf "$tools/python"
      apt-get update -qq
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
      python3 -m venv "$tools/python"
    }
  fi
  "$tools/python/bin/python" -m pip install -q --disable-pip-version-check -r "$1"
}
