<?php
// What the pages share: work, and the count of who is inside at once. It lives in APCu, outside of every session, so that
// the sessions' own locks play no part in it.

/** Works for as long as the request says. */
function work(): void
{
    usleep(1000 * (int) ($_GET['ms'] ?? 0));
}

/** The open session's writer is inside. Call leave() with what this returns. */
function enter(): string
{
    $who = $_SESSION['who'] ??= bin2hex(random_bytes(8)); // the session's, whatever its id becomes
    if (apcu_inc("writers of $who") > 1) {
        apcu_inc('overlaps');
    }
    return $who;
}

function leave(string $who): void
{
    apcu_dec("writers of $who");
}

/** Calls $page with the open session's reader inside; the most of them at once are kept. */
function reading(callable $page): void
{
    $who = $_SESSION['who'] ?? '';
    $inside = apcu_inc("readers of $who");
    apcu_add('readers', 0);
    do {
        $most = apcu_fetch('readers');
    } while ($inside > $most && !apcu_cas('readers', $most, $inside));
    $page();
    apcu_dec("readers of $who");
}
