<?php
// A page that asks its own site for another one, with the user's cookies.
session_start();
session_write_close(); // or PHP's own lock would stop the inner request, with or without a proxy

$headers = ['Cookie: ' . ($_SERVER['HTTP_COOKIE'] ?? '')];
if (isset($_SERVER['HTTP_X_ONELANE_TICKET'])) {
    $headers[] = 'X-Onelane-Ticket: ' . $_SERVER['HTTP_X_ONELANE_TICKET'];
}
$context = stream_context_create(['http' => ['header' => $headers, 'timeout' => 10, 'ignore_errors' => true]]);
echo file_get_contents("http://{$_SERVER['HTTP_HOST']}/write.php?ms=0", false, $context);
