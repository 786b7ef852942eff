<?php
// What the application has seen; `readers` is the most of one session at once.
header('Content-Type: application/json');
echo json_encode(['overlaps' => (int) apcu_fetch('overlaps'), 'readers' => (int) apcu_fetch('readers')]);
