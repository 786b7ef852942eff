// A session-state provider as the vendors of stores write them: items are kept serialized, locks have an id and an age.
//
// Guarantees: the contract of SessionStateStoreProviderBase: an exclusive get of a locked item gives its lock's id and
// age and nothing else; whoever has an old lock's id can neither store nor release. Each get is counted.
// Does not do: end sessions; they live as long as the store.

using System;
using System.Collections.Concurrent;
using System.Collections.Specialized;
using System.IO;
using System.Web;
using System.Web.SessionState;

namespace Legacy
{
    /// Where the items are.
    public interface IItems
    {
        /// The item, or null when there is none or when it is locked, which `held` says then. Takes the lock if `exclusive`.
        byte[] Get(string id, bool exclusive, out Held held);

        /// Stores it and ends the lock, if `held` is still its lock; a new item has none.
        void Set(string id, byte[] item, string held, bool isNew);

        /// Ends the lock, if it is this one.
        void Release(string id, string held);

        void Remove(string id, string held);
    }

    /// A lock that is held: by the caller when an item came with it, else by somebody else.
    public struct Held
    {
        public string Id;
        public TimeSpan Age;
    }

    public abstract class CountingStore : SessionStateStoreProviderBase
    {
        protected abstract IItems Items { get; }

        public override SessionStateStoreData GetItem(HttpContext context, string id, out bool locked,
            out TimeSpan lockAge, out object lockId, out SessionStateActions actions)
        {
            return Get(context, id, false, out locked, out lockAge, out lockId, out actions);
        }

        public override SessionStateStoreData GetItemExclusive(HttpContext context, string id, out bool locked,
            out TimeSpan lockAge, out object lockId, out SessionStateActions actions)
        {
            return Get(context, id, true, out locked, out lockAge, out lockId, out actions);
        }

        SessionStateStoreData Get(HttpContext context, string id, bool exclusive, out bool locked,
            out TimeSpan lockAge, out object lockId, out SessionStateActions actions)
        {
            locked = false;
            lockAge = TimeSpan.Zero;
            lockId = null;
            actions = SessionStateActions.None;
            if (string.IsNullOrEmpty(id))
                return null; // Mono asks also for a session that nobody has
            Seen.Get(exclusive);
            Held held;
            byte[] item = Items.Get(id, exclusive, out held);
            lockId = held.Id;
            lockAge = held.Age;
            locked = item == null && held.Id != null;
            return item == null ? null : Deserialize(context, item);
        }

        public override void SetAndReleaseItemExclusive(HttpContext context, string id, SessionStateStoreData item,
            object lockId, bool newItem)
        {
            Items.Set(id, Serialize(item), lockId as string, newItem);
        }

        public override void ReleaseItemExclusive(HttpContext context, string id, object lockId)
        {
            Items.Release(id, lockId as string);
        }

        public override void RemoveItem(HttpContext context, string id, object lockId, SessionStateStoreData item)
        {
            Items.Remove(id, lockId as string);
        }

        public override void CreateUninitializedItem(HttpContext context, string id, int timeout)
        {
            Items.Set(id, Serialize(CreateNewStoreData(context, timeout)), null, true);
        }

        public override SessionStateStoreData CreateNewStoreData(HttpContext context, int timeout)
        {
            return new SessionStateStoreData(new SessionStateItemCollection(),
                SessionStateUtility.GetSessionStaticObjects(context), timeout);
        }

        public override void ResetItemTimeout(HttpContext context, string id) { }
        public override void InitializeRequest(HttpContext context) { }
        public override void EndRequest(HttpContext context) { }
        public override void Dispose() { }

        public override bool SetItemExpireCallback(SessionStateItemExpireCallback expireCallback)
        {
            return false;
        }

        static byte[] Serialize(SessionStateStoreData data)
        {
            using (MemoryStream stream = new MemoryStream())
            using (BinaryWriter writer = new BinaryWriter(stream))
            {
                writer.Write(data.Timeout);
                ((SessionStateItemCollection)data.Items).Serialize(writer);
                writer.Flush();
                return stream.ToArray();
            }
        }

        static SessionStateStoreData Deserialize(HttpContext context, byte[] item)
        {
            using (MemoryStream stream = new MemoryStream(item))
            using (BinaryReader reader = new BinaryReader(stream))
            {
                int timeout = reader.ReadInt32();
                SessionStateItemCollection items = SessionStateItemCollection.Deserialize(reader);
                return new SessionStateStoreData(items, SessionStateUtility.GetSessionStaticObjects(context), timeout);
            }
        }
    }

    /// In memory; all applications of the site share it.
    public class MemoryStore : CountingStore
    {
        static readonly Memory items = new Memory();

        protected override IItems Items { get { return items; } }

        sealed class Entry
        {
            public byte[] Item;
            public string Lock;
            public DateTime Since;
        }

        sealed class Memory : IItems
        {
            readonly ConcurrentDictionary<string, Entry> entries = new ConcurrentDictionary<string, Entry>();

            public byte[] Get(string id, bool exclusive, out Held held)
            {
                held = new Held();
                Entry entry;
                if (!entries.TryGetValue(id, out entry))
                    return null;
                lock (entry)
                {
                    if (entry.Lock != null)
                    {
                        held.Id = entry.Lock;
                        held.Age = DateTime.UtcNow - entry.Since;
                        return null;
                    }
                    if (exclusive)
                    {
                        held.Id = entry.Lock = Guid.NewGuid().ToString("N");
                        entry.Since = DateTime.UtcNow;
                    }
                    return entry.Item;
                }
            }

            public void Set(string id, byte[] item, string held, bool isNew)
            {
                if (isNew)
                {
                    entries[id] = new Entry { Item = item };
                    return;
                }
                Locked(id, held, entry => { entry.Item = item; entry.Lock = null; });
            }

            public void Release(string id, string held)
            {
                Locked(id, held, entry => entry.Lock = null);
            }

            public void Remove(string id, string held)
            {
                Locked(id, held, entry => { Entry gone; entries.TryRemove(id, out gone); });
            }

            void Locked(string id, string held, Action<Entry> change)
            {
                Entry entry;
                if (!entries.TryGetValue(id, out entry))
                    return;
                lock (entry)
                    if (entry.Lock != null && entry.Lock == held)
                        change(entry);
            }
        }
    }
}
