<?php
// WordPress's configuration, read from the environment at each request: a changed Secret needs a new Pod, no new file.

/** The value of a variable, or what the file holds that NAME_FILE names, or the default. */
function environment($name, $default)
{
    $file = getenv($name . '_FILE');
    if ($file) {
        return rtrim(file_get_contents($file), "\r\n");
    }
    $value = getenv($name);
    return $value === false ? $default : $value;
}

define('DB_NAME', environment('WORDPRESS_DB_NAME', 'wordpress'));
define('DB_USER', environment('WORDPRESS_DB_USER', 'example username'));
define('DB_PASSWORD', environment('WORDPRESS_DB_PASSWORD', 'example password'));
define('DB_HOST', environment('WORDPRESS_DB_HOST', 'mysql'));
define('DB_CHARSET', environment('WORDPRESS_DB_CHARSET', 'utf8mb4'));
define('DB_COLLATE', environment('WORDPRESS_DB_COLLATE', ''));

foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $purpose) {
    foreach (["{$purpose}_KEY", "{$purpose}_SALT"] as $name) {
        define($name, environment("WORDPRESS_$name", hash_hmac('sha256', $name, '@SECRET@')));
    }
}

$table_prefix = environment('WORDPRESS_TABLE_PREFIX', 'wp_');

define('WP_DEBUG', (bool) environment('WORDPRESS_DEBUG', ''));

// behind an Ingress that ends TLS, addresses must start with https
if (str_contains($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '', 'https')) {
    $_SERVER['HTTPS'] = 'on';
}

if ($more = environment('WORDPRESS_CONFIG_EXTRA', '')) {
    eval($more);
}

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
