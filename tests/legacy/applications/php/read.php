<?php
// Shows the session's counter. It opens the session as most pages do, as if it would write it.
require __DIR__ . '/pages.php';

session_start();
reading('work');
echo $_SESSION['counter'] ?? 0;
