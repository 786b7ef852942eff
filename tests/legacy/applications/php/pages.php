<?php
// What the pages share: work, and the count of who is inside at once. It lives in APCu, outside of every session, so that
// the sessions' own locks play no part in it.

/** Works for as long as the request says. */
function work(): void
{
    usleep(1000 * (int) ($_GET['ms'] ?? 0));
}

/** The open session's writer is inside; the most of all sessions at once are kept. Call leave() with what this returns. */
function enter(): string
{
    $who = $_SESSION['who'] ??= bin2hex(random_bytes(8)); // the session's, whatever its id becomes
    inside($who);
    return $who;
}

/** As enter(), for who is the same as long as the session lives. */
function inside(string $who): void
{
    if (apcu_inc("writers of $who") > 1) {
        apcu_inc('overlaps');
    }
    most('writers', apcu_inc('inside'));
}

function leave(string $who): void
{
    apcu_dec('inside');
    apcu_dec("writers of $who");
}

/** Calls $page with the open session's reader inside; the most of them at once are kept. */
function reading(callable $page): void
{
    $who = $_SESSION['who'] ?? '';
    most('readers', apcu_inc("readers of $who"));
    $page();
    apcu_dec("readers of $who");
}

/** Keeps the largest number of this name. */
function most(string $name, int $number): void
{
    apcu_add($name, 0);
    do {
        $most = apcu_fetch($name);
    } while ($number > $most && !apcu_cas($name, $most, $number));
}
