<?php
/*
 * Onelane's companion for PHP: `auto_prepend_file = .../onelane_prepend.php` puts it in front of every page.
 *
 * It does two things, and only for requests that bring the secret that Onelane and this file share
 * (ONELANE_APP_SECRET in the environment, or onelane.secret in php.ini; without one it does nothing):
 *
 * - `X-Onelane-Access: read`: the session is closed as soon as it is read, as session_start(['read_and_close' => true])
 *   does, though the page calls session_start() as ever. So the reads of one session run at the same time. What such a
 *   page stores in its session is dropped; a new session, a new id and a destroyed session are honoured.
 * - `X-Onelane-Report: wrote`: the response says in `X-Onelane-Wrote` whether the page changed the session: 1, 0, or
 *   nothing when that is not certain.
 *
 * How: the page's save handler (files, redis, memcached, ...) is wrapped in one that passes everything on. An application
 * that sets a save handler of its own is not touched, and nothing is reported of it; nor with session.auto_start.
 * While a report is asked for, a response of up to 256 KiB is sent when the page ends, if output_buffering is on anyway:
 * headers cannot be added later. flush() after ob_flush() works as before.
 *
 * `X-Onelane-Access: none` changes nothing: a page that opens its session all the same gets it.
 * Written for PHP 7.1 and later; tried on 8.2.
 */

namespace Onelane;

if (!\extension_loaded('session')) {
    return;
}

/** The page's own save handler, watched. */
final class Session extends \SessionHandler implements \SessionUpdateTimestampHandlerInterface
{
    /** @var bool whether the session is closed when it has been read */
    private $readOnly;
    /** @var string the application's save handler */
    private $handler;
    /** @var bool whether the application's save handler is open */
    private $open = false;
    /** @var string[] what it was opened with: path and name */
    private $place = ['', ''];
    /** @var ?string what was stored, at the last reading */
    private $stored = null;
    /** @var ?array what was read to find out whether an id is known: id and data */
    private $early = null;
    /** @var bool whether the page has changed the session for certain */
    private $wrote = false;

    public function __construct(bool $readOnly, string $handler)
    {
        $this->readOnly = $readOnly;
        $this->handler = $handler;
    }

    /** '1', '0', or null when it is not certain; $ended says whether the page has ended. */
    public function verdict(bool $ended): ?string
    {
        $watched = $this->stored !== null;
        if ($watched && \session_status() === \PHP_SESSION_ACTIVE) {
            try {
                $this->compare((string) \session_encode());
            } catch (\Throwable $error) {
                return null; // what cannot be stored; PHP itself will say so
            }
        }
        if ($this->wrote) {
            return '1';
        }
        // A page without a session did not change it, if PHP's sessions are what this site uses.
        $none = \session_id() === '' && isset($_COOKIE[\session_name()]);
        return $ended && ($watched || $none) ? '0' : null;
    }

    private function compare(string $now): void
    {
        $this->wrote = $this->wrote || $now !== $this->stored;
    }

    #[\ReturnTypeWillChange]
    public function open($path, $name)
    {
        $this->place = [$path, $name];
        return $this->open = parent::open($path, $name);
    }

    #[\ReturnTypeWillChange]
    public function read($id)
    {
        $data = $this->early !== null && $this->early[0] === $id ? $this->early[1] : parent::read($id);
        $this->early = null;
        $this->stored = $data === false ? null : $data;
        $this->readOnly = $this->readOnly && $data !== ''; // one that has expired begins again
        if ($this->readOnly) {
            $this->close();
        }
        return $data;
    }

    #[\ReturnTypeWillChange]
    public function write($id, $data)
    {
        $this->compare($data);
        $this->stored = $data;
        return $this->readOnly || parent::write($id, $data);
    }

    /** PHP found the session as it was. */
    #[\ReturnTypeWillChange]
    public function updateTimestamp($id, $data)
    {
        return $this->readOnly || parent::write($id, $data);
    }

    #[\ReturnTypeWillChange]
    public function close()
    {
        $was = $this->open;
        $this->open = false;
        return !$was || parent::close();
    }

    /** A new session, or a new id for one: both have to be stored, whatever the page was to be. */
    #[\ReturnTypeWillChange]
    public function create_sid()
    {
        $this->readOnly = false;
        $this->wrote = true;
        return parent::create_sid();
    }

    #[\ReturnTypeWillChange]
    public function destroy($id)
    {
        $this->wrote = true;
        if (!$this->open) {
            $this->open($this->place[0], $this->place[1]);
            parent::read($id); // PHP's files handler destroys only what it has read
        }
        return parent::destroy($id);
    }

    #[\ReturnTypeWillChange]
    public function gc($lifetime)
    {
        return $this->open ? parent::gc($lifetime) : 0; // a page that writes will do it
    }

    /** With session.use_strict_mode: whether the id is one that this site gave out. */
    #[\ReturnTypeWillChange]
    public function validateId($id)
    {
        if ($this->handler === 'files') {
            return \is_file($this->file($id));
        }
        $data = parent::read($id);
        $this->early = [$id, $data];
        return $data !== false && $data !== '';
    }

    /** session.save_path is "path", "depth;path" or "depth;mode;path". */
    private function file(string $id): string
    {
        $parts = \explode(';', $this->place[0], 3);
        $directory = \end($parts) === '' ? \sys_get_temp_dir() : \end($parts);
        $depth = \count($parts) > 1 ? (int) $parts[0] : 0;
        for ($level = 0; $level < $depth; $level++) {
            $directory .= '/' . \substr($id, $level, 1);
        }
        return "$directory/sess_$id";
    }
}

(static function () {
    $given = $_SERVER['HTTP_X_ONELANE_SECRET'] ?? '';
    $secret = (string) (\getenv('ONELANE_APP_SECRET') ?: \get_cfg_var('onelane.secret'));
    // An error page that shows its environment should not show this.
    unset($_SERVER['HTTP_X_ONELANE_SECRET'], $_SERVER['ONELANE_APP_SECRET'], $_ENV['ONELANE_APP_SECRET']);
    if ($secret === '' || !\hash_equals($secret, $given)) {
        return;
    }
    $readOnly = ($_SERVER['HTTP_X_ONELANE_ACCESS'] ?? '') === 'read';
    $report = ($_SERVER['HTTP_X_ONELANE_REPORT'] ?? '') === 'wrote';
    $handler = (string) \ini_get('session.save_handler');
    $started = \session_status() !== \PHP_SESSION_NONE;
    if ((!$readOnly && !$report) || $started || $handler === 'user') {
        return;
    }
    $session = new Session($readOnly, $handler);
    \session_set_save_handler($session, false); // PHP stores the session when all else of the page is done, as ever
    if (!$report) {
        return;
    }
    if (\ob_list_handlers() === ['default output handler'] && \ob_get_length() === 0) {
        \ob_end_clean(); // the one of output_buffering, which is full after a few KiB
        \ob_start(null, 256 * 1024);
    }
    $ended = false;
    $say = static function () use ($session, &$ended) {
        $verdict = $session->verdict($ended);
        if ($verdict !== null) {
            \header("X-Onelane-Wrote: $verdict");
        }
    };
    \header_register_callback($say);
    \register_shutdown_function(static function () use ($say, &$ended) {
        // The last of the functions of the page's end: it is added after all of the page's own.
        \register_shutdown_function(static function () use ($say, &$ended) {
            $ended = true;
            if (!\headers_sent()) {
                $say(); // for pages that register a callback of their own
            }
        });
    });
})();
