<?php
// A legacy page: it locks the session from its first line to its last, as most do, and takes its time.
header('Content-Type: text/plain');
if (isset($_GET['status'])) {
    exit("this page opens no session\n");
}
session_start();
$seconds = min(10, max(0, (int) ($_GET['seconds'] ?? 0)));
$_SESSION['requests'] = ($_SESSION['requests'] ?? 0) + 1;
sleep($seconds);
printf("request %d of this session, %d seconds of work\n", $_SESSION['requests'], $seconds);
