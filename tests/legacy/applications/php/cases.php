<?php
// Ways in which pages use their session; each adds one to the counter, unless it says otherwise.

final class Late
{
    public function __destruct()
    {
        add();
    }
}

final class OwnStore extends SessionHandler
{
}

function add(): void
{
    $_SESSION['counter'] = ($_SESSION['counter'] ?? 0) + 1;
}

$case = $_GET['case'];
if ($case === 'own-store') {
    session_set_save_handler(new OwnStore());
}
if ($case === 'strict') {
    ini_set('session.use_strict_mode', '1');
}
session_start();
switch ($case) {
    case 'assigned': // the same value again: no change
        $_SESSION['counter'] = $_SESSION['counter'];
        break;
    case 'closed':
        add();
        session_write_close();
        break;
    case 'closed-unchanged':
        session_write_close();
        break;
    case 'reopened':
        session_write_close();
        session_start();
        add();
        break;
    case 'exit':
        add();
        exit('left');
    case 'shutdown':
        register_shutdown_function('add');
        break;
    case 'destructor':
        $late = new Late();
        break;
    case 'long-before': // the headers go out before the change
        echo str_repeat('long ', 200000);
        add();
        break;
    case 'long-after':
        add();
        echo str_repeat('long ', 200000);
        break;
    case 'flushed':
        echo 'first ';
        ob_flush();
        flush();
        add();
        break;
    case 'destroyed':
        session_destroy();
        break;
    case 'strict': // no change
        echo session_id();
        exit;
    default:
        add();
}
echo $case;
