#include "snapshot/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/error.h"
#include "base/text.h"

#define OUTPUT_MAX (1u << 20) /* what is more is thrown away */

struct stream {
    int fd; /* -1: ended */
    GString *text;
};

static int start(char *const *argv, int out, int err, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
    (void)sigemptyset(&none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out, 1);
    (void)posix_spawn_file_actions_adddup2(&actions, err, 2);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawnp(pid, argv[0], &actions, &attributes, argv, env);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

static void take(struct stream *s)
{
    char bytes[4096];
    ssize_t n = read(s->fd, bytes, sizeof bytes);
    if (n > 0 && s->text->len < OUTPUT_MAX)
        g_string_append_len(s->text, bytes, n);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        (void)close(s->fd);
        s->fd = -1;
    }
}

/* Reads until the process has ended and nothing more is there; false when the time is over first.
 * Who else holds the pipes (a daemon that it left) is not waited for. */
static bool follow(int process, struct stream *streams, gint64 deadline)
{
    for (;;) {
        gint64 left = deadline - g_get_monotonic_time();
        struct pollfd p[3] = { { .fd = streams[0].fd, .events = POLLIN },
                               { .fd = streams[1].fd, .events = POLLIN },
                               { .fd = process, .events = POLLIN } };
        if (left <= 0)
            return false;
        if (poll(p, 3, (int)(left / 1000) + 1) <= 0)
            continue;
        for (unsigned i = 0; i < 2; i++) {
            if (p[i].revents != 0)
                take(&streams[i]);
        }
        if (p[0].revents == 0 && p[1].revents == 0 && p[2].revents != 0)
            return true;
    }
}

static bool check_end(const char *name, bool in_time, int status, const GString *said,
                      unsigned milliseconds, GError **error)
{
    if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    g_autofree char *line = g_strndup(said->str, strcspn(said->str, "\n"));
    g_autofree char *words = text_safe(g_strstrip(line));
    if (!in_time)
        return fail(error, ASSAY_ERROR_IO, "%s: had not ended after %u seconds", name,
                    milliseconds / 1000);
    if (WIFSIGNALED(status))
        return fail(error, ASSAY_ERROR_IO, "%s: ended by signal %d", name, WTERMSIG(status));
    return fail(error, ASSAY_ERROR_IO, "%s: failed with status %d%s%s", name, WEXITSTATUS(status),
                words[0] != '\0' ? ": " : "", words);
}

static bool wait_for(const char *name, pid_t pid, struct stream *streams, unsigned milliseconds,
                     GError **error)
{
    int status = 0;
    autoclose int process = (int)syscall(SYS_pidfd_open, pid, 0);
    bool in_time = process >= 0 &&
                   follow(process, streams, g_get_monotonic_time() + (gint64)milliseconds * 1000);
    if (!in_time)
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return check_end(name, in_time, status, streams[1].text, milliseconds, error);
}

bool program_run(char *const *argv, unsigned milliseconds, char **output, GError **error)
{
    int out[2] = { -1, -1 }, err[2] = { -1, -1 };
    pid_t pid;
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) != 0)
        return fail_errno(error, errno, "%s", argv[0]);
    autoclose int out_to = out[1];
    struct stream streams[2] = { { out[0], g_string_new(NULL) }, { -1, g_string_new(NULL) } };
    int failed = pipe2(err, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : errno;
    autoclose int err_to = err[1];
    streams[1].fd = err[0];
    if (failed == 0)
        failed = start(argv, out_to, err_to, &pid);
    (void)close(take_fd(&out_to));
    if (err_to >= 0)
        (void)close(take_fd(&err_to));
    bool ok = failed == 0 && wait_for(argv[0], pid, streams, milliseconds, error);
    if (failed == ENOENT)
        (void)fail_unsupported(error, "%s: there is no such program", argv[0]);
    else if (failed != 0)
        (void)fail_errno(error, failed, "%s", argv[0]);
    for (unsigned i = 0; i < 2; i++) {
        if (streams[i].fd >= 0)
            (void)close(streams[i].fd);
    }
    g_string_free(streams[1].text, TRUE);
    char *text = g_string_free(streams[0].text, FALSE);
    if (ok && output != NULL)
        *output = text;
    else
        g_free(text);
    return ok;
}
