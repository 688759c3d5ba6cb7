#include "inspect/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "inspect/references.h"
#include "inspect/target.h"

#define PIPE_BYTES    (1 << 20)
#define STDERR_KEPT   16384 /* of what an inspector says on standard error */
#define ASKING_MILLIS 200   /* between two times that it is asked whether to go on */
#define ENDING_MILLIS 2000  /* for an inspector to end once it has closed its output */

struct launch {
    pid_t pid;
    int process; /* pidfd */
    int control, output, errors;
    struct references references;
    struct channel_reader reader;
    GString *said;   /* on standard error */
    gint64 deadline; /* monotonic microseconds; 0: none */
    const struct inspect_options *options;
    channel_message_func func;
    void *user;
    uint64_t bytes_read;
    bool ended;         /* CHANNEL_END has come */
    GError *task_error; /* CHANNEL_ERROR has come */
};

/* Out of the way of the numbers that an inspector's descriptors get. */
static int move_up(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 16);
    (void)close(fd);
    return moved;
}

static char **inspector_environment(void)
{
    /* Debugging tools' own settings; nothing else of the user's environment matters to it. */
    static const char *const kept[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };
    g_autoptr(GStrvBuilder) env = g_strv_builder_new();
    /* Every arena of the allocator reserves 64 MiB of the limited address space. */
    g_strv_builder_add(env, "MALLOC_ARENA_MAX=2");
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        const char *value = g_getenv(kept[i]);
        g_autofree char *line = value != NULL ? g_strdup_printf("%s=%s", kept[i], value) : NULL;
        if (line != NULL)
            g_strv_builder_add(env, line);
    }
    return g_strv_builder_end(env);
}

static bool spawn(struct launch *l, int control, int output, int errors, GError **error)
{
    char *const argv[] = { (char *)INSPECTOR_ARGV0, NULL };
    g_auto(GStrv) env = inspector_environment();
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    (void)sigemptyset(&none);
    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
        return fail(error, ASSAY_ERROR_IO, "starting the inspector: no memory");
    int r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, errors, 2);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, control, CHANNEL_CONTROL_FD);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, output, CHANNEL_OUTPUT_FD);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(&actions, CHANNEL_OUTPUT_FD + 1);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    if (r == 0)
        r = posix_spawn(&l->pid, "/proc/self/exe", &actions, &attributes, argv, env);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return r == 0 || fail_errno(error, r, "starting the inspector");
}

static bool start(struct launch *l, GError **error)
{
    int control[2] = { -1, -1 }, output[2] = { -1, -1 }, errors[2] = { -1, -1 };
    bool made = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == 0 &&
                pipe2(output, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0;
    if (!made)
        (void)fail_errno(error, errno, "starting the inspector");
    for (int i = 0; made && i < 2; i++) {
        control[i] = move_up(control[i]);
        output[i] = move_up(output[i]);
        errors[i] = move_up(errors[i]);
        if (control[i] < 0 || output[i] < 0 || errors[i] < 0)
            made = fail_errno(error, errno, "starting the inspector");
    }
    if (made) {
        (void)fcntl(output[0], F_SETPIPE_SZ, PIPE_BYTES);
        made = spawn(l, control[1], output[1], errors[1], error);
    }
    const int theirs[] = { control[1], output[1], errors[1] };
    for (size_t i = 0; i < G_N_ELEMENTS(theirs); i++) {
        if (theirs[i] >= 0)
            (void)close(theirs[i]);
    }
    l->control = control[0];
    l->output = output[0];
    l->errors = errors[0];
    if (made)
        l->process = (int)syscall(SYS_pidfd_open, l->pid, 0);
    return made;
}

static bool send_request(struct launch *l, const struct inspect_target *t,
                         const struct request *request, GError **error)
{
    g_autofree char *text = request_write(request);
    int fds[CHANNEL_MAX_FDS];
    for (unsigned i = 0; i < t->disks->len; i++)
        fds[i] = ((const struct target_disk *)g_ptr_array_index(t->disks, i))->fd;
    if (strlen(text) > CHANNEL_MAX_PACKET)
        return fail_limit(error, "%s: the names of the target are too long", t->name);
    return channel_send(l->control, text, strlen(text), fds, t->disks->len, error);
}

static bool on_message(unsigned kind, struct cursor payload, void *user, GError **error)
{
    struct launch *l = user;
    uint8_t code;
    if (kind == CHANNEL_END) {
        l->ended = true;
        return rd_le64(&payload, &l->bytes_read) ||
               fail_corrupt(error, "the inspector's end makes no sense");
    }
    if (kind == CHANNEL_ERROR) {
        if (!rd_u8(&payload, &code) || code >= ASSAY_ERROR_COUNT)
            return fail_corrupt(error, "the inspector's error makes no sense");
        g_clear_error(&l->task_error);
        (void)fail(&l->task_error, code, "%.*s", (int)cursor_left(&payload),
                   (const char *)payload.data + payload.pos);
        return true;
    }
    if (kind == CHANNEL_PROGRESS) {
        struct inspect_progress p;
        if (!rd_le64(&payload, &p.bytes_read) || !rd_le64(&payload, &p.files))
            return fail_corrupt(error, "the inspector's progress makes no sense");
        g_autofree char *phase =
            g_strndup((const char *)payload.data + payload.pos, cursor_left(&payload));
        p.phase = phase;
        if (l->options->progress != NULL)
            l->options->progress(&p, l->options->user);
        return true;
    }
    return l->func(kind, payload, l->user, error);
}

/* One packet on the control channel: a reference is asked for. */
static bool answer(struct launch *l, bool *open, GError **error)
{
    uint8_t packet[CHANNEL_MAX_PACKET + 1];
    int fds[CHANNEL_MAX_FDS];
    size_t len, fd_count;
    uint32_t from;
    unsigned token = 0;
    const char *name = NULL;
    g_autoptr(GError) refused = NULL;
    if (!channel_receive(l->control, packet, &len, fds, &fd_count, error))
        return false;
    for (size_t i = 0; i < fd_count; i++)
        (void)close(fds[i]); /* it has none to give */
    *open = len > 0;
    if (len == 0)
        return true;
    struct cursor c = cursor_of(packet, len);
    if (!rd_le32(&c, &from) || memchr(packet + c.pos, 0, len - c.pos) != NULL)
        return fail_corrupt(error, "the inspector asked for something that makes no sense");
    packet[len] = '\0';
    autoclose int fd = references_open(&l->references, from, (const char *)packet + c.pos, &token,
                                       &name, &refused);
    g_autoptr(GByteArray) reply = g_byte_array_new();
    const uint8_t granted = l->options->guard != NULL ? CHANNEL_SERVED : CHANNEL_GRANTED;
    const uint8_t head[5] = { fd >= 0 ? granted : (uint8_t)refused->code, (uint8_t)token,
                              (uint8_t)(token >> 8) };
    const char *text = fd >= 0 ? name : refused->message;
    g_byte_array_append(reply, head, fd >= 0 ? 5 : 1);
    g_byte_array_append(reply, (const guint8 *)text,
                        (guint)MIN(strlen(text), CHANNEL_MAX_PACKET - 16));
    return channel_send(l->control, reply->data, reply->len, &fd, fd >= 0 ? 1 : 0, error);
}

static bool read_output(struct launch *l, bool *open, GError **error)
{
    static const size_t piece = 256 * 1024;
    g_autofree uint8_t *buf = g_malloc(piece);
    ssize_t n = read(l->output, buf, piece);
    if (n < 0)
        return errno == EINTR || fail_errno(error, errno, "reading from the inspector");
    *open = n > 0;
    return channel_reader_feed(&l->reader, buf, (size_t)n, on_message, l, error);
}

static void read_errors(struct launch *l, bool *open)
{
    char buf[4096];
    ssize_t n = read(l->errors, buf, sizeof buf);
    if (n < 0 && errno == EINTR)
        return;
    *open = n > 0;
    if (n > 0 && l->said->len < STDERR_KEPT)
        g_string_append_len(l->said, buf, n);
}

/* Milliseconds for poll() until there is something to do here; 0: the deadline is past. */
static int time_left(const struct launch *l)
{
    int ask = l->options->wanted != NULL ? ASKING_MILLIS : -1;
    if (l->deadline == 0)
        return ask;
    gint64 left = (l->deadline - g_get_monotonic_time()) / 1000;
    int until = left <= 0 ? 0 : (int)MIN(left + 1, G_MAXINT);
    return ask >= 0 ? MIN(until, ask) : until;
}

static bool serve(struct launch *l, GError **error)
{
    struct pollfd p[] = { { .fd = l->output, .events = POLLIN },
                          { .fd = l->control, .events = POLLIN },
                          { .fd = l->errors, .events = POLLIN } };
    while (p[0].fd >= 0) {
        bool open = true;
        int wait = time_left(l);
        int ready = wait == 0 ? 0 : poll(p, G_N_ELEMENTS(p), wait);
        if (ready < 0 && errno != EINTR)
            return fail_errno(error, errno, "waiting for the inspector");
        if (l->options->wanted != NULL && !l->options->wanted(l->options->user))
            return fail(error, ASSAY_ERROR_IO, "the inspection is not wanted any more");
        if (wait == 0)
            return fail_limit(error, "not done after %u seconds (--timeout)", l->options->timeout);
        if (ready <= 0)
            continue;
        if (p[2].revents != 0) {
            read_errors(l, &open);
            p[2].fd = open ? p[2].fd : -1;
        }
        open = true;
        if (p[1].revents != 0) {
            if (!answer(l, &open, error))
                return false;
            p[1].fd = open ? p[1].fd : -1;
        }
        open = true;
        if (p[0].revents != 0) {
            if (!read_output(l, &open, error))
                return false;
            p[0].fd = open ? p[0].fd : -1;
        }
    }
    return true;
}

/* Waits for the end of the process; kills it when it does not come. Its wait status. */
static int reap(struct launch *l, bool at_once)
{
    struct pollfd p = { .fd = l->process, .events = POLLIN };
    int status = 0;
    if (at_once || l->process < 0 || poll(&p, 1, ENDING_MILLIS) <= 0)
        (void)kill(l->pid, SIGKILL);
    while (waitpid(l->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static bool fail_ended(struct launch *l, int status, GError **error)
{
    /* Nobody has the other end any more. */
    for (bool open = true; open;)
        read_errors(l, &open);
    if (strstr(l->said->str, "failed to allocate") != NULL) /* GLib's last words */
        return fail_limit(error, "the inspector needed more memory than it may have (--memory)");
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return fail_limit(error, "the inspector used up its CPU time");
    if (WIFSIGNALED(status))
        return fail(error, ASSAY_ERROR_IO, "the inspector died by signal %d (%s)", WTERMSIG(status),
                    strsignal(WTERMSIG(status)));
    return fail(error, ASSAY_ERROR_IO, "the inspector ended early (status %d)",
                WEXITSTATUS(status));
}

static void launch_done(struct launch *l)
{
    const int ours[] = { l->control, l->output, l->errors, l->process };
    for (size_t i = 0; i < G_N_ELEMENTS(ours); i++) {
        if (ours[i] >= 0)
            (void)close(ours[i]);
    }
    if (l->said->len > 0 && g_getenv("ASSAY_DEBUG") != NULL)
        (void)fprintf(stderr, "%s", l->said->str);
    channel_reader_clear(&l->reader);
    references_done(&l->references);
    g_string_free(l->said, TRUE);
}

bool inspector_run(struct inspect_target *t, const struct request *request,
                   const struct inspect_options *options, channel_message_func func, void *user,
                   uint64_t *bytes_read, bool *started, GError **error)
{
    struct launch l = { .process = -1,
                        .control = -1,
                        .output = -1,
                        .errors = -1,
                        .said = g_string_new(NULL),
                        .options = options,
                        .func = func,
                        .user = user };
    bool ok = false;
    references_init(&l.references, t, options);
    if (options->timeout > 0)
        l.deadline = g_get_monotonic_time() + (gint64)options->timeout * G_USEC_PER_SEC;
    *started = start(&l, error);
    if (*started) {
        ok = send_request(&l, t, request, error) && serve(&l, error);
        int status = reap(&l, !ok || l.ended || l.task_error != NULL);
        if (ok && !l.ended && l.task_error == NULL)
            ok = fail_ended(&l, status, error);
        if (ok && l.task_error != NULL) {
            g_propagate_error(error, g_steal_pointer(&l.task_error));
            ok = false;
        }
    }
    *bytes_read = l.bytes_read;
    t->references = l.references.files->len - l.references.named;
    g_clear_error(&t->failed);
    t->failed = references_failure(&l.references);
    g_clear_error(&l.task_error);
    launch_done(&l);
    return ok;
}
