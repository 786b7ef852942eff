<?php
// What the application has seen: `readers` is the most of one session at once, `writers` of all sessions.
header('Content-Type: application/json');
echo json_encode(array_map(fn ($name) => (int) apcu_fetch($name), [
    'overlaps' => 'overlaps', 'readers' => 'readers', 'writers' => 'writers',
]));
