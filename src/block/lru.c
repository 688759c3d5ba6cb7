#include "block/lru.h"

/* What an entry costs besides its bytes: itself, its place in the table, the GBytes. */
#define ENTRY_OVERHEAD 160

struct entry {
    uint64_t key;
    uint32_t owner;
    GBytes *bytes;
    GList link; /* in order; data is the entry */
};

struct lru {
    GMutex lock;
    GHashTable *table; /* set of struct entry * */
    GQueue order;      /* most recently used first */
    size_t used, max;
    uint32_t owners;
};

static guint entry_hash(gconstpointer p)
{
    const struct entry *e = p;
    uint64_t mixed = (e->key + e->owner) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    return (guint)(mixed >> 32);
}

static gboolean entry_equal(gconstpointer a, gconstpointer b)
{
    const struct entry *x = a, *y = b;
    return x->key == y->key && x->owner == y->owner;
}

static size_t entry_cost(const struct entry *e)
{
    return g_bytes_get_size(e->bytes) + ENTRY_OVERHEAD;
}

static void remove_locked(struct lru *l, struct entry *e)
{
    g_hash_table_remove(l->table, e);
    g_queue_unlink(&l->order, &e->link);
    l->used -= entry_cost(e);
    g_bytes_unref(e->bytes);
    g_free(e);
}

struct lru *lru_new(size_t max)
{
    struct lru *l = g_new0(struct lru, 1);
    g_mutex_init(&l->lock);
    g_queue_init(&l->order);
    l->table = g_hash_table_new(entry_hash, entry_equal);
    l->max = max;
    return l;
}

void lru_free(struct lru *l)
{
    if (l == NULL)
        return;
    while (l->order.tail != NULL)
        remove_locked(l, l->order.tail->data);
    g_hash_table_unref(l->table);
    g_mutex_clear(&l->lock);
    g_free(l);
}

uint32_t lru_owner_new(struct lru *l)
{
    g_mutex_lock(&l->lock);
    uint32_t owner = ++l->owners;
    g_mutex_unlock(&l->lock);
    return owner;
}

GBytes *lru_get(struct lru *l, uint32_t owner, uint64_t key)
{
    const struct entry wanted = { .key = key, .owner = owner };
    GBytes *bytes = NULL;
    g_mutex_lock(&l->lock);
    struct entry *e = g_hash_table_lookup(l->table, &wanted);
    if (e != NULL) {
        bytes = g_bytes_ref(e->bytes);
        g_queue_unlink(&l->order, &e->link);
        g_queue_push_head_link(&l->order, &e->link);
    }
    g_mutex_unlock(&l->lock);
    return bytes;
}

void lru_put(struct lru *l, uint32_t owner, uint64_t key, GBytes *bytes)
{
    const struct entry wanted = { .key = key, .owner = owner, .bytes = bytes };
    size_t cost = entry_cost(&wanted);
    if (cost > l->max)
        return;
    g_mutex_lock(&l->lock);
    /* Two threads may have read the same bytes: the later copy replaces the earlier. */
    struct entry *old = g_hash_table_lookup(l->table, &wanted);
    if (old != NULL)
        remove_locked(l, old);
    while (l->used + cost > l->max)
        remove_locked(l, l->order.tail->data);
    struct entry *e = g_memdup2(&wanted, sizeof wanted);
    e->link.data = e;
    (void)g_bytes_ref(bytes);
    g_hash_table_add(l->table, e);
    g_queue_push_head_link(&l->order, &e->link);
    l->used += cost;
    g_mutex_unlock(&l->lock);
}

void lru_drop(struct lru *l, uint32_t owner)
{
    g_mutex_lock(&l->lock);
    for (GList *i = l->order.head, *next; i != NULL; i = next) {
        struct entry *e = i->data;
        next = i->next;
        if (e->owner == owner)
            remove_locked(l, e);
    }
    g_mutex_unlock(&l->lock);
}

size_t lru_used(struct lru *l)
{
    g_mutex_lock(&l->lock);
    size_t used = l->used;
    g_mutex_unlock(&l->lock);
    return used;
}
