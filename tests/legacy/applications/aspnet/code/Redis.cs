// The same store in Redis: a key for the item, and one for its lock, as the providers for Redis have them.
//
// Guarantees: a lock is taken by SET NX and ended only by whom it belongs to, in one step with the item. A lock whose
// holder is gone ends by itself after executionTimeout.

using System;
using System.Collections.Concurrent;
using System.Configuration;
using System.Globalization;
using System.IO;
using System.Net.Sockets;
using System.Text;
using System.Web.Configuration;

namespace Legacy
{
    public class RedisStore : CountingStore
    {
        static readonly Redis items = new Redis();

        protected override IItems Items { get { return items; } }
    }

    sealed class Redis : IItems
    {
        const string StoreScript = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[2], ARGV[2]) return redis.call('del', KEYS[1]) end return 0";
        const string ReleaseScript = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";
        const string RemoveScript = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1], KEYS[2]) end return 0";

        readonly ConcurrentBag<Connection> idle = new ConcurrentBag<Connection>();
        readonly int port = int.Parse(ConfigurationManager.AppSettings["redis"], CultureInfo.InvariantCulture);
        readonly string expiry = ((long)((HttpRuntimeSection)WebConfigurationManager.GetSection("system.web/httpRuntime"))
            .ExecutionTimeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);

        public byte[] Get(string id, bool exclusive, out Held held)
        {
            held = new Held();
            if (exclusive)
            {
                string own = DateTime.UtcNow.Ticks.ToString(CultureInfo.InvariantCulture) + ":" + Guid.NewGuid().ToString("N");
                if (Call("SET", Lock(id), own, "NX", "PX", expiry) != null)
                {
                    byte[] item = Call("GET", Item(id));
                    if (item == null)
                        Release(id, own);
                    else
                        held.Id = own;
                    return item;
                }
            }
            byte[] other = Call("GET", Lock(id));
            if (other != null)
                held = LockOf(Encoding.ASCII.GetString(other));
            else if (exclusive)
                held = LockOf("0"); // ended just now: the caller comes again
            else
                return Call("GET", Item(id));
            return null;
        }

        public void Set(string id, byte[] item, string held, bool isNew)
        {
            if (isNew)
                Call("SET", Item(id), item);
            else if (held != null)
                Call("EVAL", StoreScript, "2", Lock(id), Item(id), held, item);
        }

        public void Release(string id, string held)
        {
            if (held != null)
                Call("EVAL", ReleaseScript, "1", Lock(id), held);
        }

        public void Remove(string id, string held)
        {
            if (held != null)
                Call("EVAL", RemoveScript, "2", Lock(id), Item(id), held);
        }

        static Held LockOf(string id)
        {
            long since = long.Parse(id.Split(':')[0], CultureInfo.InvariantCulture);
            return new Held { Id = id, Age = since == 0 ? TimeSpan.Zero : DateTime.UtcNow - new DateTime(since, DateTimeKind.Utc) };
        }

        static string Lock(string id) { return "{" + id + "}:lock"; }
        static string Item(string id) { return "{" + id + "}:item"; }

        /// Sends one command; a connection that fails is not used again.
        byte[] Call(params object[] command)
        {
            Connection connection;
            if (!idle.TryTake(out connection))
                connection = new Connection(port);
            byte[] answer = connection.Call(command);
            idle.Add(connection);
            return answer;
        }

        /// What Redis speaks, as far as it is needed here.
        sealed class Connection
        {
            readonly Stream stream;

            public Connection(int port)
            {
                TcpClient client = new TcpClient("127.0.0.1", port) { NoDelay = true };
                stream = new BufferedStream(client.GetStream());
            }

            public byte[] Call(object[] command)
            {
                Line("*" + command.Length);
                foreach (object part in command)
                {
                    byte[] bytes = part as byte[] ?? Encoding.UTF8.GetBytes((string)part);
                    Line("$" + bytes.Length);
                    stream.Write(bytes, 0, bytes.Length);
                    Line("");
                }
                stream.Flush();
                return Answer();
            }

            void Line(string text)
            {
                byte[] bytes = Encoding.ASCII.GetBytes(text + "\r\n");
                stream.Write(bytes, 0, bytes.Length);
            }

            /// A text, a number or bytes; null is null.
            byte[] Answer()
            {
                string head = ReadLine();
                string rest = head.Substring(1);
                switch (head[0])
                {
                    case '+':
                    case ':':
                        return Encoding.ASCII.GetBytes(rest);
                    case '$':
                        int length = int.Parse(rest, CultureInfo.InvariantCulture);
                        if (length < 0)
                            return null;
                        byte[] bytes = ReadBytes(length);
                        ReadBytes(2);
                        return bytes;
                    default:
                        throw new IOException("Redis said " + head);
                }
            }

            string ReadLine()
            {
                StringBuilder line = new StringBuilder();
                for (int next = Next(); next != '\r'; next = Next())
                    line.Append((char)next);
                Next();
                return line.ToString();
            }

            byte[] ReadBytes(int length)
            {
                byte[] bytes = new byte[length];
                for (int at = 0; at < length; at++)
                    bytes[at] = (byte)Next();
                return bytes;
            }

            int Next()
            {
                int next = stream.ReadByte();
                if (next < 0)
                    throw new IOException("Redis has closed the connection");
                return next;
            }
        }
    }
}
