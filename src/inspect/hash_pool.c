#include "inspect/hash_pool.h"

#include "base/error.h"

#define MAX_THREADS 16u
#define BATCH_FILES 64u /* few enough that the last batch does not keep one thread long */

struct batch_file {
    struct hash_result *result; /* borrowed */
    uint32_t off, len;
    bool pie;
};

struct batch {
    uint8_t *buffer;
    size_t used;
    unsigned count;
    struct batch_file files[BATCH_FILES];
};

/* One part of a stream, on its way through both lanes. */
struct piece {
    uint8_t *buffer; /* NULL: zeros */
    uint64_t len;
    unsigned users; /* lanes that have not seen it */
    bool first, last;
};

/* The way of a stream through one kind of sum. Worked on by one thread at a time. */
struct lane {
    struct hash_stream *stream;
    enum digest_kind kind;
    struct digest *digest;
    GQueue pieces;
    bool scheduled; /* waits for a thread, or has one */
};

struct hash_stream {
    struct hash_pool *pool;
    struct hash_result *result; /* borrowed */
    struct lane lanes[DIGEST_COUNT];
    bool pie, begun;
    unsigned open; /* lanes that have not ended */
};

/* Exactly one is set. */
struct task {
    struct batch *batch;
    struct lane *lane;
};

struct worker {
    struct hash_pool *pool;
    GThread *thread;
    struct media *media;                  /* NULL: no types */
    struct digest *digests[DIGEST_COUNT]; /* for batches */
};

struct hash_pool {
    struct digest_methods *methods;
    struct worker *workers;
    unsigned worker_count;
    struct batch *batch; /* being filled; NULL */
    GMutex lock;         /* guards all below, pieces, lanes' queues, results' left */
    GCond work, progress;
    GQueue tasks;       /* struct task * */
    GPtrArray *buffers; /* free ones */
    unsigned buffers_made;
    bool stopping;
};

void hash_result_clear(struct hash_result *r)
{
    g_clear_pointer(&r->media, g_free);
}

bool hash_done(const struct hash_result *r)
{
    return g_atomic_int_get(&r->left) == 0;
}

/* --- under the lock -----------------------------------------------------------------------------
 */

static void give_back(struct hash_pool *p, uint8_t *buffer)
{
    if (buffer != NULL)
        g_ptr_array_add(p->buffers, buffer);
    g_cond_signal(&p->progress);
}

static void push_task(struct hash_pool *p, struct batch *batch, struct lane *lane)
{
    struct task *t = g_new(struct task, 1);
    *t = (struct task){ .batch = batch, .lane = lane };
    g_queue_push_tail(&p->tasks, t);
    g_cond_signal(&p->work);
}

static void part_done(struct hash_pool *p, struct hash_result *r)
{
    g_atomic_int_add(&r->left, -1);
    g_cond_signal(&p->progress);
}

/* --- the threads --------------------------------------------------------------------------------
 */

static void run_batch(struct worker *w, struct batch *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        const struct batch_file *f = &b->files[i];
        for (unsigned k = 0; k < DIGEST_COUNT; k++) {
            digest_begin(w->digests[k]);
            digest_update(w->digests[k], b->buffer + f->off, f->len);
            if (!digest_end(w->digests[k], f->result->sum[k]))
                f->result->failed = true;
        }
        if (w->media != NULL)
            f->result->media = media_type(w->media, b->buffer + f->off, f->len, f->pie);
    }
    g_mutex_lock(&w->pool->lock);
    for (unsigned i = 0; i < b->count; i++)
        part_done(w->pool, b->files[i].result);
    give_back(w->pool, b->buffer);
    g_mutex_unlock(&w->pool->lock);
    g_free(b);
}

static void run_piece(struct worker *w, struct lane *l, const struct piece *piece)
{
    const struct hash_stream *s = l->stream;
    if (piece->buffer == NULL)
        digest_update_zeros(l->digest, piece->len);
    else
        digest_update(l->digest, piece->buffer, (size_t)piece->len);
    /* The shorter sum's thread has time for this. */
    if (piece->first && l->kind == DIGEST_SHA1 && w->media != NULL)
        s->result->media = media_type(w->media, piece->buffer, (size_t)piece->len, s->pie);
}

/* After its last piece: true when the whole stream is through. */
static bool end_lane(struct lane *l)
{
    struct hash_stream *s = l->stream;
    bool good = digest_end(l->digest, s->result->sum[l->kind]);
    digest_free(l->digest);
    g_mutex_lock(&s->pool->lock);
    if (!good)
        s->result->failed = true;
    part_done(s->pool, s->result);
    bool through = --s->open == 0;
    g_mutex_unlock(&s->pool->lock);
    return through;
}

/* Pieces as long as there are some. */
static void run_lane(struct worker *w, struct lane *l)
{
    struct hash_pool *p = w->pool;
    for (;;) {
        g_mutex_lock(&p->lock);
        struct piece *piece = g_queue_pop_head(&l->pieces);
        if (piece == NULL)
            l->scheduled = false;
        g_mutex_unlock(&p->lock);
        if (piece == NULL)
            return;
        bool last = piece->last;
        run_piece(w, l, piece);
        g_mutex_lock(&p->lock);
        bool unused = --piece->users == 0;
        if (unused)
            give_back(p, piece->buffer);
        g_mutex_unlock(&p->lock);
        if (unused)
            g_free(piece);
        if (last) {
            struct hash_stream *s = l->stream;
            if (end_lane(l))
                g_free(s);
            return;
        }
    }
}

static void *worker_main(void *user)
{
    struct worker *w = user;
    struct hash_pool *p = w->pool;
    for (;;) {
        g_mutex_lock(&p->lock);
        while (g_queue_is_empty(&p->tasks) && !p->stopping)
            g_cond_wait(&p->work, &p->lock);
        g_autofree struct task *t = g_queue_pop_head(&p->tasks);
        g_mutex_unlock(&p->lock);
        if (t == NULL)
            return NULL;
        if (t->batch != NULL)
            run_batch(w, t->batch);
        else
            run_lane(w, t->lane);
    }
}

/* --- the pool -----------------------------------------------------------------------------------
 */

struct hash_pool *hash_pool_new(unsigned threads, bool types, GError **error)
{
    struct hash_pool *p = g_new0(struct hash_pool, 1);
    p->worker_count = threads > 0 ? threads : MIN(g_get_num_processors(), MAX_THREADS);
    p->workers = g_new0(struct worker, p->worker_count);
    p->buffers = g_ptr_array_new_with_free_func(g_free);
    g_mutex_init(&p->lock);
    g_cond_init(&p->work);
    g_cond_init(&p->progress);
    p->methods = digest_methods_new(error);
    bool ok = p->methods != NULL;
    for (unsigned i = 0; ok && i < p->worker_count; i++) {
        struct worker *w = &p->workers[i];
        w->pool = p;
        for (unsigned k = 0; k < DIGEST_COUNT; k++)
            w->digests[k] = digest_new(p->methods, k);
        w->media = types ? media_new(error) : NULL;
        ok = !types || w->media != NULL;
    }
    if (ok)
        return p;
    hash_pool_free(p);
    return NULL;
}

bool hash_pool_start(struct hash_pool *p, GError **error)
{
    for (unsigned i = 0; i < p->worker_count; i++) {
        struct worker *w = &p->workers[i];
        if (w->thread == NULL)
            w->thread = g_thread_try_new("hash", worker_main, w, i == 0 ? error : NULL);
        /* One is enough to work. */
        if (w->thread == NULL && i == 0)
            return false;
    }
    return true;
}

void hash_pool_free(struct hash_pool *p)
{
    if (p == NULL)
        return;
    hash_batch_flush(p);
    g_mutex_lock(&p->lock);
    p->stopping = true;
    g_cond_broadcast(&p->work);
    g_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->worker_count; i++) {
        struct worker *w = &p->workers[i];
        if (w->thread != NULL)
            (void)g_thread_join(w->thread);
        for (unsigned k = 0; k < DIGEST_COUNT; k++)
            digest_free(w->digests[k]);
        media_free(w->media);
    }
    g_free(p->workers);
    digest_methods_free(p->methods);
    g_ptr_array_unref(p->buffers);
    g_mutex_clear(&p->lock);
    g_cond_clear(&p->work);
    g_cond_clear(&p->progress);
    g_free(p);
}

void hash_wait(struct hash_pool *p, const struct hash_result *r)
{
    if (hash_done(r))
        return;
    hash_batch_flush(p);
    g_mutex_lock(&p->lock);
    while (!hash_done(r))
        g_cond_wait(&p->progress, &p->lock);
    g_mutex_unlock(&p->lock);
}

uint8_t *hash_buffer(struct hash_pool *p)
{
    uint8_t *buffer = NULL;
    g_mutex_lock(&p->lock);
    while (p->buffers->len == 0 && p->buffers_made == HASH_BUFFERS)
        g_cond_wait(&p->progress, &p->lock);
    if (p->buffers->len > 0)
        buffer = g_ptr_array_steal_index_fast(p->buffers, p->buffers->len - 1);
    else
        p->buffers_made++;
    g_mutex_unlock(&p->lock);
    return buffer != NULL ? buffer : g_malloc(HASH_BUFFER);
}

void hash_buffer_drop(struct hash_pool *p, uint8_t *buffer)
{
    g_mutex_lock(&p->lock);
    give_back(p, buffer);
    g_mutex_unlock(&p->lock);
}

/* --- batches ------------------------------------------------------------------------------------
 */

void hash_batch_flush(struct hash_pool *p)
{
    struct batch *b = g_steal_pointer(&p->batch);
    if (b == NULL)
        return;
    /* Once it is handed out a thread may free it at any time. */
    bool empty = b->count == 0;
    g_mutex_lock(&p->lock);
    if (empty)
        give_back(p, b->buffer);
    else
        push_task(p, b, NULL);
    g_mutex_unlock(&p->lock);
    if (empty)
        g_free(b);
}

uint8_t *hash_batch_room(struct hash_pool *p, size_t len)
{
    if (p->batch != NULL && len > HASH_BUFFER - p->batch->used)
        hash_batch_flush(p);
    if (p->batch == NULL) {
        p->batch = g_new0(struct batch, 1);
        p->batch->buffer = hash_buffer(p);
    }
    return p->batch->buffer + p->batch->used;
}

void hash_batch_add(struct hash_pool *p, struct hash_result *r, size_t len, bool pie)
{
    struct batch *b = p->batch;
    r->left = 1;
    b->files[b->count++] = (struct batch_file){
        .result = r, .off = (uint32_t)b->used, .len = (uint32_t)len, .pie = pie
    };
    b->used += len;
    if (b->count == BATCH_FILES)
        hash_batch_flush(p);
}

/* --- streams ------------------------------------------------------------------------------------
 */

struct hash_stream *hash_stream_new(struct hash_pool *p, struct hash_result *r, bool pie)
{
    struct hash_stream *s = g_new0(struct hash_stream, 1);
    s->pool = p;
    s->result = r;
    s->pie = pie;
    s->open = DIGEST_COUNT;
    r->left = DIGEST_COUNT;
    for (unsigned k = 0; k < DIGEST_COUNT; k++) {
        struct lane *l = &s->lanes[k];
        *l = (struct lane){ .stream = s, .kind = k, .digest = digest_new(p->methods, k) };
        g_queue_init(&l->pieces);
    }
    return s;
}

static void add_piece(struct hash_stream *s, uint8_t *buffer, uint64_t len, bool last)
{
    struct hash_pool *p = s->pool;
    struct piece *piece = g_new(struct piece, 1);
    *piece = (struct piece){ .buffer = buffer,
                             .len = len,
                             .users = DIGEST_COUNT,
                             .first = !s->begun && buffer != NULL,
                             .last = last };
    s->begun = true;
    g_mutex_lock(&p->lock);
    for (unsigned k = 0; k < DIGEST_COUNT; k++) {
        struct lane *l = &s->lanes[k];
        g_queue_push_tail(&l->pieces, piece);
        if (!l->scheduled)
            push_task(p, NULL, l);
        l->scheduled = true;
    }
    g_mutex_unlock(&p->lock);
}

void hash_stream_add(struct hash_stream *s, uint8_t *buffer, size_t len)
{
    add_piece(s, buffer, len, false);
}

void hash_stream_zeros(struct hash_stream *s, uint64_t len)
{
    add_piece(s, NULL, len, false);
}

void hash_stream_end(struct hash_stream *s)
{
    add_piece(s, NULL, 0, true);
}
