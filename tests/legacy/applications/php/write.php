<?php
// Adds one to the session's counter, with work between reading and storing it.
require __DIR__ . '/pages.php';

session_start();
$who = enter();
$counter = $_SESSION['counter'] ?? 0;
work();
$_SESSION['counter'] = $counter + 1;
leave($who); // PHP itself stores the session, after the page
echo $counter + 1;
