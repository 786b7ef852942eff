<?php
// Gives the session another id, as PHP's manual advises at login; the old one stays for requests that are under way.
require __DIR__ . '/pages.php';

session_start();
$who = enter();
work();
session_regenerate_id();
leave($who);
echo $_SESSION['counter'] ?? 0;
