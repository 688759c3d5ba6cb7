/* The agent's protocol: QEMU's docs/interop/qemu-ga-ref. */
#include "snapshot/quiesce.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/connect.h"
#include "base/error.h"
#include "base/glob.h"
#include "base/no_links.h"
#include "base/text.h"
#include "snapshot/json_line.h"
#include "snapshot/program.h"

#define SYNC_MILLISECONDS   5000
#define FREEZE_MILLISECONDS 30000 /* the guest writes out what it has */
/* Before a line: has the agent drop what came before it (guest-sync-delimited). */
#define FLUSH     "\xff"
#define LATE_THAW FLUSH "{\"execute\":\"guest-fsfreeze-thaw\"}\n"

enum guard_end { GUARD_NOT_NEEDED, GUARD_THAWED, GUARD_FAILED };

struct quiesce {
    char *location;
    struct json_line agent; /* fd -1: programs */
    char **thaw;            /* program; NULL: the agent */
    pid_t guard;            /* 0: not yet */
    int guard_fd;           /* tells the guard that it is not needed any more; -1 */
};

/* --- the guard -------------------------------------------------------------------------------- */

/* Closes all but two descriptors (the second may be -1): those of other threads must not live on
 * here. */
static void close_others(int one, int two)
{
    unsigned low = (unsigned)MAX(MIN(one, two), 0), high = (unsigned)MAX(one, two);
    if (two < 0)
        low = high;
    if (low > 3)
        (void)syscall(SYS_close_range, 3u, low - 1, 0u);
    if (high > low + 1)
        (void)syscall(SYS_close_range, low + 1, high - 1, 0u);
    (void)syscall(SYS_close_range, high + 1, ~0u, 0u);
}

/* Until the other side has heard it and closes: who answers an earlier call and finds nobody there
 * would not read on. */
static bool thaw_late(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char answers[256];
    if (send(fd, LATE_THAW, strlen(LATE_THAW), MSG_NOSIGNAL) <= 0)
        return false;
    (void)shutdown(fd, SHUT_WR);
    while (poll(&p, 1, SYNC_MILLISECONDS) > 0 && read(fd, answers, sizeof answers) > 0) {
    }
    return true;
}

/* The child of a process with threads: nothing here may allocate or lock. */
_Noreturn static void stand_guard(const struct quiesce *q, int told)
{
    struct pollfd p = { .fd = told, .events = POLLIN };
    char byte;
    close_others(told, q->agent.fd);
    int ready;
    do
        ready = poll(&p, 1, QUIESCE_SECONDS * 1000);
    while (ready < 0 && errno == EINTR);
    if (ready > 0 && read(told, &byte, 1) == 1)
        _exit(GUARD_NOT_NEEDED);
    if (q->thaw == NULL)
        _exit(thaw_late(q->agent.fd) ? GUARD_THAWED : GUARD_FAILED);
    pid_t program = fork();
    int status;
    if (program == 0) {
        (void)execv(q->thaw[0], q->thaw);
        _exit(GUARD_FAILED);
    }
    while (program > 0 && waitpid(program, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(program > 0 && status == 0 ? GUARD_THAWED : GUARD_FAILED);
}

static bool start_guard(struct quiesce *q, GError **error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_errno(error, errno, "%s: watching over the quiescing", q->location);
    q->guard = fork();
    if (q->guard == 0)
        stand_guard(q, pair[1]);
    (void)close(pair[1]);
    q->guard_fd = pair[0];
    if (q->guard > 0)
        return true;
    q->guard = 0;
    return fail_errno(error, errno, "%s: watching over the quiescing", q->location);
}

/* Whether it had nothing to do. */
static bool dismiss_guard(struct quiesce *q)
{
    int status = 0;
    if (q->guard == 0)
        return true;
    (void)send(q->guard_fd, "", 1, MSG_NOSIGNAL);
    while (waitpid(q->guard, &status, 0) < 0 && errno == EINTR) {
    }
    q->guard = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == GUARD_NOT_NEEDED;
}

/* --- the agent ------------------------------------------------------------------------------- */

static bool agent_tell(struct json_line *l, const char *before, json_t *call, GError **error)
{
    bool ok = json_line_send(l, before, call, -1, error);
    json_decref(call);
    return ok;
}

/* Runs a command; its number goes to *value (NULL: whatever it answers). */
static bool agent_call(struct json_line *l, const char *command, json_int_t *value, GError **error)
{
    if (!agent_tell(l, "", json_pack("{ss}", "execute", command), error))
        return false;
    json_t *reply = json_line_next(l, error);
    if (reply == NULL)
        return false;
    json_t *number = json_object_get(reply, "return");
    bool ok = number != NULL && (value == NULL || json_is_integer(number));
    if (ok && value != NULL)
        *value = json_integer_value(number);
    if (!ok) {
        const char *why =
            json_string_value(json_object_get(json_object_get(reply, "error"), "desc"));
        g_autofree char *words = text_safe(why != NULL ? why : "an answer without value");
        (void)fail(error, ASSAY_ERROR_IO, "%s: %s: %s", l->name, command, words);
    }
    json_decref(reply);
    return ok;
}

/* Throws away what an earlier conversation has left, and makes sure that somebody answers. */
static bool agent_sync(struct json_line *l, GError **error)
{
    json_int_t number = (json_int_t)g_random_int();
    json_line_allow(l, SYNC_MILLISECONDS);
    if (!agent_tell(
            l, FLUSH,
            json_pack("{ss s{sI}}", "execute", "guest-sync-delimited", "arguments", "id", number),
            error) ||
        !json_line_skip_to(l, 0xff, error))
        return false;
    json_t *reply = json_line_next(l, error);
    bool same = json_integer_value(json_object_get(reply, "return")) == number;
    json_decref(reply);
    return reply == NULL || same ? same
                                 : fail_corrupt(error, "%s: answers something else", l->name);
}

/* '*' in the socket's name stands for the last part of the location. */
static char *agent_socket(const struct snapshot_options *options, const char *location,
                          const char *usual)
{
    const json_t *storage = options->settings != NULL ? options->settings->storage : NULL;
    const char *pattern, *last = location + strlen(location);
    json_t *socket;
    while (last > location && strchr("/:#", last[-1]) == NULL)
        last--;
    json_object_foreach(json_object_get(storage, "agents"), pattern, socket) {
        if (!glob_match(pattern, location) || !json_is_string(socket))
            continue;
        g_auto(GStrv) parts = g_strsplit(json_string_value(socket), "*", -1);
        return g_strjoinv(last, parts);
    }
    return g_strdup(usual);
}

static bool agent_connect(struct quiesce *q, const struct snapshot_options *options,
                          const char *usual, GError **error)
{
    g_autofree char *path = agent_socket(options, q->location, usual);
    if (path == NULL)
        return fail(error, ASSAY_ERROR_INVALID,
                    "%s: storage.agents does not say where its guest agent is", q->location);
    int fd = connect_unix_without_links(path, error);
    if (fd < 0)
        return false;
    json_line_init(&q->agent, fd, path);
    return agent_sync(&q->agent, error);
}

static bool agent_freeze(struct quiesce *q, GError **error)
{
    json_int_t filesystems = 0;
    json_line_allow(&q->agent, FREEZE_MILLISECONDS);
    /* One that an earlier run left still would refuse. */
    if (!agent_call(&q->agent, "guest-fsfreeze-thaw", NULL, error) || !start_guard(q, error) ||
        !agent_call(&q->agent, "guest-fsfreeze-freeze", &filesystems, error))
        return false;
    return filesystems > 0 ||
           fail(error, ASSAY_ERROR_IO, "%s: no filesystem could be stilled", q->agent.name);
}

/* --- programs -------------------------------------------------------------------------------- */

/* A program and its arguments, followed by the location. */
static char **read_program(const json_t *hook, const char *member, const char *location)
{
    const json_t *words = json_object_get(hook, member);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    size_t i;
    json_t *word;
    json_array_foreach(words, i, word) {
        if (!json_is_string(word))
            return NULL;
        g_ptr_array_add(argv, g_strdup(json_string_value(word)));
    }
    if (argv->len == 0 || !path_is_plain(argv->pdata[0], NULL))
        return NULL;
    g_ptr_array_add(argv, g_strdup(location));
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&argv), FALSE);
}

static bool program_freeze(struct quiesce *q, const struct snapshot_options *options,
                           GError **error)
{
    const json_t *storage = options->settings != NULL ? options->settings->storage : NULL;
    const json_t *hook = json_object_get(json_object_get(storage, "quiesce"), options->quiesce);
    g_auto(GStrv) freeze = read_program(hook, "freeze", q->location);
    q->thaw = read_program(hook, "thaw", q->location);
    if (freeze == NULL || q->thaw == NULL)
        return fail(error, ASSAY_ERROR_INVALID,
                    "%s: storage.quiesce has no '%s' with \"freeze\" and \"thaw\", programs by "
                    "absolute path",
                    q->location, options->quiesce);
    return start_guard(q, error) && program_run(freeze, QUIESCE_SECONDS * 1000, NULL, error);
}

/* --- both ------------------------------------------------------------------------------------ */

static bool let_go(struct quiesce *q, GError **error)
{
    if (q->thaw != NULL)
        return program_run(q->thaw, FREEZE_MILLISECONDS, NULL, error);
    if (q->agent.fd < 0)
        return true;
    json_line_allow(&q->agent, FREEZE_MILLISECONDS);
    return agent_call(&q->agent, "guest-fsfreeze-thaw", NULL, error);
}

static void close_guard(struct quiesce *q)
{
    if (q->guard_fd >= 0)
        (void)close(q->guard_fd);
    q->guard_fd = -1;
}

bool quiesce_end(struct quiesce *q, GError **error)
{
    if (q == NULL)
        return true;
    bool stilled = q->guard != 0;
    bool ok = !stilled || let_go(q, error);
    /* Dismissed only when it is done: if it was not, the guard has another go at it. */
    if (!ok)
        close_guard(q);
    bool in_time = dismiss_guard(q);
    if (ok && !in_time)
        ok = fail(error, ASSAY_ERROR_IO,
                  "%s: taking the snapshot took longer than the %d seconds for which its "
                  "filesystems are held still",
                  q->location, QUIESCE_SECONDS);
    close_guard(q);
    json_line_done(&q->agent);
    g_strfreev(q->thaw);
    g_free(q->location);
    g_free(q);
    return ok;
}

bool quiesce_begin(const struct snapshot_options *options, const char *location, const char *agent,
                   struct quiesce **q, GError **error)
{
    *q = NULL;
    if (options->quiesce == NULL)
        return true;
    struct quiesce *new = g_new0(struct quiesce, 1);
    new->location = g_strdup(location);
    new->agent.fd = -1;
    new->guard_fd = -1;
    bool ok = g_str_equal(options->quiesce, "agent")
                  ? agent_connect(new, options, agent, error) && agent_freeze(new, error)
                  : program_freeze(new, options, error);
    if (ok)
        *q = new;
    else
        (void)quiesce_end(new, NULL); /* it may be still although it said otherwise */
    return ok;
}
