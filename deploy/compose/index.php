<?php
// A legacy page: it locks the session from the first line to the last, as most do, and takes its time.
session_start(isset($_GET['read']) ? ['read_and_close' => true] : []);
$seconds = min(10, max(0, (int) ($_GET['seconds'] ?? 0)));
if (!isset($_GET['read'])) {
    $_SESSION['requests'] = ($_SESSION['requests'] ?? 0) + 1;
    sleep($seconds);
}
header('Content-Type: text/plain');
printf("request %d of this session, %d seconds of work\n", $_SESSION['requests'] ?? 0, $seconds);
