<?php
// A page that asks its own site for another one, with the user's cookies, and answers as that did. `?ticket=lost` does
// not send Onelane's ticket along; `?session=open` keeps its session open; `?patience=S` gives up, with status 504.
session_start();
if (($_GET['session'] ?? '') !== 'open') {
    session_write_close(); // or PHP's own lock would stop the inner request, with or without a proxy
}

$headers = ['Cookie: ' . ($_SERVER['HTTP_COOKIE'] ?? '')];
if (isset($_SERVER['HTTP_X_ONELANE_TICKET']) && ($_GET['ticket'] ?? '') !== 'lost') {
    $headers[] = 'X-Onelane-Ticket: ' . $_SERVER['HTTP_X_ONELANE_TICKET'];
}
$options = ['header' => $headers, 'timeout' => (float) ($_GET['patience'] ?? 10), 'ignore_errors' => true];
$ms = (int) ($_GET['ms'] ?? 0);
$url = "http://{$_SERVER['HTTP_HOST']}/write.php?ms=$ms";
$answer = @file_get_contents($url, false, stream_context_create(['http' => $options]));
http_response_code($answer === false ? 504 : (int) explode(' ', $http_response_header[0])[1]);
echo $answer;
