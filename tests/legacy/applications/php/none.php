<?php
// Needs no session.
require __DIR__ . '/pages.php';

work();
echo 'none';
