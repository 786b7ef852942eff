<?php
// Forgets what the application has seen.
apcu_clear_cache();
echo 'reset';
