#!/bin/sh
# Starts MariaDB: fills an empty data directory as the environment says, and becomes an unprivileged server.
# Every setting may be spelled MARIADB_ or MYSQL_, and given as a file by a name that ends in _FILE.
set -eu

say() {
  printf '%s [%s] [Entrypoint]: %s\n' "$(date '+%F %T')" "$1" "$2" >&2
}

fail() {
  say ERROR "$1"
  exit 1
}

# The value of a setting, given its name without prefix; nothing when it is not set.
setting() {
  for prefix in MARIADB MYSQL; do
    eval "plain=\${${prefix}_$1-} file=\${${prefix}_$1_FILE-}"
    if [ -n "$plain" ] && [ -n "$file" ]; then
      fail "${prefix}_$1 and ${prefix}_$1_FILE are both set; only one of them may be."
    fi
    if [ -n "$file" ]; then
      [ -r "$file" ] || fail "${prefix}_$1_FILE names $file, which cannot be read."
      plain=$(cat "$file")
    fi
    if [ -n "$plain" ]; then
      printf '%s' "$plain"
      return
    fi
  done
}

quoted() {
  printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"
}

named() {
  printf '`%s`' "$(printf '%s' "$1" | sed 's/`/``/g')"
}

random() {
  head -c 24 /dev/urandom | base64 | tr -d '+/='
}

# "IDENTIFIED BY" for a password or, where there is one, its hash.
identified() {
  if [ -n "$2" ]; then printf 'IDENTIFIED BY PASSWORD %s' "$(quoted "$2")"; else printf 'IDENTIFIED BY %s' "$(quoted "$1")"; fi
}

# Read what an empty data directory is to be filled with, before anything is written.
read_settings() {
  root_password=$(setting ROOT_PASSWORD)
  root_hash=$(setting ROOT_PASSWORD_HASH)
  root_host=$(setting ROOT_HOST)
  root_host=${root_host:-%}
  database=$(setting DATABASE)
  user=$(setting USER)
  password=$(setting PASSWORD)
  hash=$(setting PASSWORD_HASH)
  if [ -z "$root_password$root_hash" ]; then
    if [ -n "$(setting RANDOM_ROOT_PASSWORD)" ]; then
      root_password=$(random)
      say Note "GENERATED ROOT PASSWORD: $root_password"
    elif [ -z "$(setting ALLOW_EMPTY_ROOT_PASSWORD)" ] && [ -z "$(setting ALLOW_EMPTY_PASSWORD)" ]; then
      fail "The database is empty and no password option is given. Set one of MARIADB_ROOT_PASSWORD, \
MARIADB_ROOT_PASSWORD_HASH, MARIADB_RANDOM_ROOT_PASSWORD and MARIADB_ALLOW_EMPTY_ROOT_PASSWORD."
    fi
  fi
  if [ -n "$user" ] && [ -z "$password$hash" ]; then
    fail "MARIADB_USER is set without MARIADB_PASSWORD or MARIADB_PASSWORD_HASH."
  fi
  if [ "$user" = root ]; then
    fail "MARIADB_USER may not be root, who is there already; MARIADB_ROOT_PASSWORD sets root's password."
  fi
}

accounts() {
  echo "DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost';"
  echo "DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost';"
  echo 'FLUSH PRIVILEGES;'
  echo "SET sql_mode = 'NO_BACKSLASH_ESCAPES';"
  echo "ALTER USER root@localhost $(identified "$root_password" "$root_hash");"
  if [ "$root_host" != localhost ]; then
    echo "CREATE USER root@$(quoted "$root_host") $(identified "$root_password" "$root_hash");"
    echo "GRANT ALL ON *.* TO root@$(quoted "$root_host") WITH GRANT OPTION;"
  fi
  if [ -n "$database" ]; then
    echo "CREATE DATABASE IF NOT EXISTS $(named "$database");"
  fi
  if [ -n "$user" ]; then
    echo "CREATE USER $(quoted "$user")@'%' $(identified "$password" "$hash");"
  fi
  if [ -n "$user" ] && [ -n "$database" ]; then
    # in a grant, an underscore would stand for any character
    echo "GRANT ALL ON $(named "$(printf '%s' "$database" | sed 's/[_%]/\\&/g')").* TO $(quoted "$user")@'%';"
  fi
  for host in localhost 127.0.0.1 ::1; do
    echo "CREATE USER healthcheck@'$host' IDENTIFIED BY '$health_password';"
  done
}

# Make the system tables and accounts in an empty folder.
bootstrap() {
  health_password=$(random)
  printf '[mariadb-client]\nport=3306\nsocket=/run/mysqld/mysqld.sock\nuser=healthcheck\npassword=%s\n' \
    "$health_password" >"$1/.my-healthcheck.cnf"
  chmod 600 "$1/.my-healthcheck.cnf"
  tables=/usr/share/mariadb
  {
    # one statement a line: so they are told apart here
    printf '%s\n' 'CREATE DATABASE mysql;' 'USE mysql;' 'SET @auth_root_socket = NULL;'
    cat $tables/mariadb_system_tables.sql $tables/mariadb_performance_tables.sql \
      $tables/mariadb_system_tables_data.sql $tables/maria_add_gis_sp_bootstrap.sql $tables/mariadb_sys_schema.sql
    accounts
  } | mariadbd --bootstrap --datadir="$1" --log-warnings=0 --enforce-storage-engine= \
    --max-allowed-packet=8M --net-buffer-length=16K
}

run_script() {
  case $1 in
  *.sh) if [ -x "$1" ]; then "$1"; else . "$1"; fi ;;
  *.sql) client <"$1" ;;
  *.sql.gz) gunzip -c "$1" | client ;;
  *.sql.xz) xzcat "$1" | client ;;
  *) say Warn "$1 is passed over: it is neither .sh nor .sql." ;;
  esac
}

client() {
  MYSQL_PWD=$root_password mariadb --protocol=socket -uroot -hlocalhost ${database:+"--database=$database"}
}

# Run what lies in the folder of first steps, on a server that nobody reaches from elsewhere.
first_steps() {
  mariadbd --datadir="$1" --skip-networking --loose-innodb-buffer-pool-load-at-startup=0 &
  server=$!
  MYSQL_PWD=$root_password mariadb-admin -uroot --protocol=socket --wait=30 --silent ping >/dev/null ||
    fail "The server for the first steps did not start."
  for script in /docker-entrypoint-initdb.d/*; do
    say Note "running $script"
    run_script "$script" || fail "$script failed."
  done
  kill "$server"
  wait "$server"
}

# A start that is cut short must not leave half a database that the next one takes for whole: it is filled aside,
# and `mysql`, which tells a whole one, moves in last.
initialise() {
  read_settings
  say Note "filling $data"
  half=$data/.labgrade-half
  rm -rf "$half"
  mkdir "$half"
  bootstrap "$half" || fail "The system tables could not be made."
  if [ -n "$(ls -A /docker-entrypoint-initdb.d 2>/dev/null)" ]; then
    first_steps "$half"
  fi
  find "$half" -mindepth 1 -maxdepth 1 ! -name mysql -exec mv {} "$data/" \;
  mv "$half/mysql" "$data/mysql"
  rmdir "$half"
  say Note "$data is filled; ready for start up."
}

case ${1-} in
-*) set -- mariadbd "$@" ;;
esac

if [ "${1-}" = mariadbd ] || [ "${1-}" = mysqld ]; then
  options=$("$@" --verbose --help 2>/dev/null) || {
    "$@" --verbose --help >/dev/null || true
    fail "mariadbd does not take these options."
  }
  data=$(printf '%s\n' "$options" | awk '$1 == "datadir" { print $2; exit }')
  data=${data%/}
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$data" /run/mysqld
    find "$data" /run/mysqld ! -user mysql -exec chown mysql:mysql {} +
    exec su -p -s "$0" mysql "$@"
  fi
  if [ ! -d "$data/mysql" ]; then
    initialise
  fi
fi
exec "$@"
