#!/bin/sh
# Says by its exit code whether every test that is asked for holds: --connect, --innodb_initialized.
set -u
defaults=/var/lib/mysql/.my-healthcheck.cnf

# The answer to one query, asked over TCP: while the data directory is filled the server listens on no port.
ask() {
  mariadb --defaults-extra-file="$defaults" --protocol=tcp --host=127.0.0.1 --skip-column-names --batch -e "$1"
}

[ $# -gt 0 ] || {
  echo 'healthcheck.sh: say what to test: --connect, --innodb_initialized' >&2
  exit 1
}
for test do
  case $test in
  --connect) ask 'SELECT 1' >/dev/null || exit 1 ;;
  --innodb_initialized)
    found=$(ask "SELECT COUNT(*) FROM information_schema.ENGINES WHERE engine = 'InnoDB' AND support IN ('YES', 'DEFAULT')")
    [ "$found" = 1 ] || exit 1
    ;;
  --defaults-file=* | --defaults-extra-file=*) defaults=${test#*=} ;;
  --no-defaults) defaults=/dev/null ;;
  *)
    echo "healthcheck.sh: $test is not known here; known are --connect and --innodb_initialized" >&2
    exit 1
    ;;
  esac
done
