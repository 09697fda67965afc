#!/bin/sh
# Puts WordPress into the working directory when there is none, and its configuration, then becomes the web server.
set -eu

say() {
  echo "$1" >&2
}

# Copy WordPress with what its links to other packages lead to.
copy_wordpress() {
  if [ -n "$(ls -A | grep -v '^lost+found$')" ]; then
    say "warning: $PWD is not empty; what lies there already is kept"
  fi
  say "$PWD holds no WordPress: copying it there"
  tar -C /usr/src/wordpress -chf - . | tar -xkof -
  say "WordPress is in $PWD"
}

# Write wp-config.php with a secret of its own.
write_configuration() {
  say "$PWD holds no wp-config.php: writing one that reads the variables WORDPRESS_..."
  secret=$(head -c 48 /dev/urandom | base64 | tr -d '/+=\n')
  sed "s/@SECRET@/$secret/" /usr/src/wordpress-config.php >wp-config.php
}

case ${1-} in
apache2*)
  # the bundle that Debian would have made while configuring; /etc/ssl/certs links to it
  cat /usr/share/ca-certificates/mozilla/*.crt >/tmp/ca-certificates.crt
  if [ "$(id -u)" = 0 ]; then owner=www-data:www-data; else owner=; fi
  if [ ! -e index.php ] && [ ! -e wp-includes/version.php ]; then
    copy_wordpress
    [ -z "$owner" ] || chown -R "$owner" .
  fi
  if [ ! -s wp-config.php ] && env | grep -q '^WORDPRESS_'; then
    write_configuration
    [ -z "$owner" ] || chown "$owner" wp-config.php
  fi
  ;;
esac
exec "$@"
