/* The inspector's side: locks itself in, opens the disks, does what is asked, ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "inspect/channel.h"
#include "inspect/inspect.h"
#include "inspect/inspection.h"
#include "inspect/request.h"
#include "inspect/sandbox.h"
#include "inspect/tasks.h"

/* Which files the inspector has, by what the program calls them. */
struct files {
    GHashTable *tokens; /* struct block * (owned reference) -> token */
};

static void files_add(struct files *f, struct block *b, unsigned token)
{
    g_hash_table_insert(f->tokens, block_ref(b), GUINT_TO_POINTER(token));
}

/* The answer to a request for a reference: the new block, or the program's refusal. */
static struct block *take_answer(struct files *f, GError **error)
{
    uint8_t packet[CHANNEL_MAX_PACKET];
    int fds[CHANNEL_MAX_FDS];
    size_t len, fd_count;
    uint8_t code;
    uint32_t token;
    if (!channel_receive(CHANNEL_CONTROL_FD, packet, &len, fds, &fd_count, error))
        return NULL;
    struct cursor c = cursor_of(packet, len);
    if (!rd_u8(&c, &code))
        _exit(EXIT_FAILURE); /* the program is gone */
    bool served = code == CHANNEL_SERVED;
    if ((code != CHANNEL_GRANTED && !served) || fd_count != 1 || !rd_le32(&c, &token)) {
        (void)fail(error, code, "%.*s", (int)cursor_left(&c), (const char *)packet + c.pos);
        return NULL;
    }
    g_autofree char *name = g_strndup((const char *)packet + c.pos, cursor_left(&c));
    struct block *b =
        served ? block_nbd_new(fds[0], "", name, 0, error) : block_raw_new(fds[0], name, error);
    if (b != NULL)
        files_add(f, b, token);
    return b;
}

static struct block *reference_open(void *ctx, struct block *from, const char *reference,
                                    GError **error)
{
    struct files *f = ctx;
    g_autoptr(GByteArray) packet = g_byte_array_new();
    unsigned token = GPOINTER_TO_UINT(g_hash_table_lookup(f->tokens, from));
    const uint8_t head[4] = { (uint8_t)token, (uint8_t)(token >> 8) };
    g_byte_array_append(packet, head, sizeof head);
    g_byte_array_append(packet, (const guint8 *)reference, (guint)strlen(reference));
    if (packet->len > CHANNEL_MAX_PACKET) {
        (void)fail_limit(error, "a file name of %zu bytes", strlen(reference));
        return NULL;
    }
    if (!channel_send(CHANNEL_CONTROL_FD, packet->data, packet->len, NULL, 0, error))
        return NULL;
    return take_answer(f, error);
}

static void open_disk(struct survey_disk *out, struct files *f, const struct request *r,
                      unsigned index, int fd)
{
    const struct request_disk *d = g_ptr_array_index(r->disks, index);
    const struct block_references references = { .open = reference_open, .ctx = f };
    const struct block_image_options options = { .format = d->format,
                                                 .snapshot = d->snapshot,
                                                 .references = &references };
    g_autoptr(block) file = d->export_name != NULL
                                ? block_nbd_new(fd, d->export_name, d->name,
                                                d->served ? 0 : BLOCK_NBD_TIMEOUT, &out->fault)
                                : block_raw_new(fd, d->name, &out->fault);
    if (file == NULL)
        return;
    files_add(f, file, index);
    out->block = block_image_open(file, &options, &out->fault);
    if (out->block == NULL)
        return;
    out->format = out->block == file ? "raw" : out->block->drv->name;
    if (d->note != NULL)
        block_note(out->block, true, "%s", d->note);
}

static GPtrArray *open_disks(struct files *f, const struct request *r, const int *fds)
{
    GPtrArray *disks = g_ptr_array_new_with_free_func((GDestroyNotify)survey_disk_free);
    for (unsigned i = 0; i < r->disks->len; i++) {
        struct survey_disk *d = g_new0(struct survey_disk, 1);
        d->name = g_strdup(((const struct request_disk *)g_ptr_array_index(r->disks, i))->name);
        open_disk(d, f, r, i, fds[i]);
        g_ptr_array_add(disks, d);
    }
    return disks;
}

static bool check_sandbox(struct emitter *e)
{
    g_autoptr(GString) out = g_string_new(NULL);
    (void)sandbox_check(out);
    emit_message(e, CHANNEL_TEXT, out->str, out->len);
    return true;
}

static bool run_task(const struct request *r, struct emitter *e, GPtrArray *disks,
                     struct hasher *hasher, GError **error)
{
    switch (r->task) {
    case TASK_FRAME:
    case TASK_VOLUMES:
        return task_frame(r, e, disks, hasher, error);
    case TASK_LIST:
        return task_list(r, e, disks, hasher, error);
    case TASK_COPY_FILE:
        return task_copy_file(r, e, disks, error);
    case TASK_COPY_DISK:
        return task_copy_disk(e, disks, error);
    case TASK_CHECK_SANDBOX:
        return check_sandbox(e);
    case TASK_COUNT:
        break;
    }
    return fail(error, ASSAY_ERROR_INVALID, "no such task");
}

static void emit_end(struct emitter *e)
{
    uint64_t read_bytes = block_bytes_read();
    uint8_t message[8];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(read_bytes >> (8 * i));
    emit_message(e, CHANNEL_END, message, sizeof message);
}

static void emit_failure(struct emitter *e, const GError *error)
{
    g_autoptr(GByteArray) message = g_byte_array_new();
    const uint8_t code = (uint8_t)error->code;
    g_byte_array_append(message, &code, 1);
    g_byte_array_append(message, (const guint8 *)error->message, (guint)strlen(error->message));
    emit_message(e, CHANNEL_ERROR, message->data, message->len);
}

/* Chains of images hold a descriptor each; the user's soft limit is often 1024. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static struct request *take_request(int *fds, size_t *fd_count, GError **error)
{
    uint8_t packet[CHANNEL_MAX_PACKET];
    size_t len;
    if (!channel_receive(CHANNEL_CONTROL_FD, packet, &len, fds, fd_count, error))
        return NULL;
    g_autoptr(request) r = request_read((const char *)packet, len, error);
    if (r != NULL && r->disks->len != *fd_count) {
        (void)fail_corrupt(error, "the request has %u disks and %zu descriptors", r->disks->len,
                           *fd_count);
        return NULL;
    }
    return g_steal_pointer(&r);
}

/* The program may have ended before the sandbox bound this process's life to it. */
static void end_if_alone(void)
{
    struct pollfd p = { .fd = CHANNEL_CONTROL_FD };
    if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0)
        _exit(EXIT_FAILURE);
}

void inspector_main(void)
{
    int fds[CHANNEL_MAX_FDS];
    size_t fd_count = 0;
    g_autoptr(GError) error = NULL;
    struct emitter e = { .fd = CHANNEL_OUTPUT_FD, .buffer = g_byte_array_new() };
    struct files files = { .tokens = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)block_unref,
                                                           NULL) };
    bool ok = false;
    raise_descriptors();
    g_autoptr(hasher) hasher = NULL;
    g_autoptr(request) r = take_request(fds, &fd_count, &error);
    if (r != NULL) {
        /* CPU time: each core may work for as long as the wall time goes on. */
        const struct sandbox_limits limits = { .memory = r->memory,
                                               .cpu_seconds = r->timeout * g_get_num_processors() };
        ok = tasks_prepare(r, &hasher, &error) && sandbox_enter(&limits, &error);
    }
    if (ok) {
        end_if_alone();
        g_autoptr(GPtrArray) disks = open_disks(&files, r, fds);
        ok = run_task(r, &e, disks, hasher, &error);
    }
    if (ok)
        emit_end(&e);
    else
        emit_failure(&e, error);
    emit_flush(&e);
    _exit(EXIT_SUCCESS);
}
