/* Snapshots by hand, for tests/e2e: snapshot-view [OPTION...] plan LOCATION ID, make HANDLE,
 * drop HANDLE, pool LOCATION, kept LOCATION IDENTITY, unchanged LOCATION IDENTITY
 * [OFFSET:LENGTH...].
 *
 * make prints what the view is as a line of JSON, and then does what standard input says: "read
 * FILE" writes the first disk's bytes, "verify". Each is answered by a line. With --kill-at N the
 * process that makes is killed as it enters its N-th system call: prints "killed", or "done" when
 * it needed fewer. With --kill-in NAME it is killed as it calls that function of a library which it
 * has loaded itself. */
#include <dlfcn.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "snapshot/snapshot.h"

static int kill_at, stop_at, use_of_it = SNAPSHOT_COMPARED;
static char *settings_text, *format, *quiesce, *secret, *kill_in;
static gboolean deep, crash_consistent;
static const GOptionEntry entries[] = {
    { "kill-at", 0, 0, G_OPTION_ARG_INT, &kill_at, NULL, "N" },
    { "stop-at", 0, 0, G_OPTION_ARG_INT, &stop_at, NULL, "N" }, /* not wanted when asked so often */
    { "use", 0, 0, G_OPTION_ARG_INT, &use_of_it, NULL, "N" },   /* enum snapshot_use */
    { "secret", 0, 0, G_OPTION_ARG_STRING, &secret, NULL, "TEXT" },
    { "kill-in", 0, 0, G_OPTION_ARG_STRING, &kill_in, NULL, "NAME" },
    { "settings", 0, 0, G_OPTION_ARG_STRING, &settings_text, NULL, "JSON" },
    { "format", 0, 0, G_OPTION_ARG_STRING, &format, NULL, "FORMAT" },
    { "quiesce", 0, 0, G_OPTION_ARG_STRING, &quiesce, NULL, "NAME" },
    { "deep", 0, 0, G_OPTION_ARG_NONE, &deep, NULL, NULL },
    { "crash-consistent", 0, 0, G_OPTION_ARG_NONE, &crash_consistent, NULL, NULL },
    { NULL },
};

static void die(void)
{
    (void)raise(SIGKILL);
}

/* In front of the C library's own. */
void *dlsym(void *restrict library, const char *restrict name)
{
    void *(*real)(void *, const char *) = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    return g_strcmp0(name, kill_in) == 0 ? (void *)die : real(library, name);
}

static int tell(GError *error)
{
    printf("error %d %s\n", error->code, error->message);
    fflush(stdout);
    g_error_free(error);
    return 1;
}

static int say(const char *text)
{
    printf("%s\n", text);
    fflush(stdout);
    return 0;
}

static bool copy(struct block *b, const char *path, GError **error)
{
    static uint8_t buffer[1 << 20];
    FILE *out = fopen(path, "w");
    bool ok = out != NULL;
    for (uint64_t off = 0; ok && off < b->size; off += sizeof buffer) {
        size_t len = 0;
        ok = block_read_some(b, off, buffer, sizeof buffer, &len, error) &&
             fwrite(buffer, 1, len, out) == len;
    }
    if (out != NULL && fclose(out) != 0)
        ok = false;
    return ok;
}

static void show(const struct snapshot_disk *d)
{
    json_t *o =
        json_pack("{ss ss* ss* ss ss* sI}", "name", d->name, "path", d->path, "format", d->format,
                  "identity", d->identity, "note", d->note, "size", (json_int_t)d->bytes->size);
    char *text = json_dumps(o, JSON_COMPACT);
    (void)say(text);
    free(text);
    json_decref(o);
}

static int use(struct snapshot_view *v)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin) != NULL) {
        GError *error = NULL;
        line[strcspn(line, "\n")] = '\0';
        bool ok = g_str_has_prefix(line, "read ") ? copy(v->disks[0].bytes, line + 5, &error)
                                                  : snapshot_verify(v, &error);
        if (ok)
            (void)say("ok");
        else
            (void)tell(error);
    }
    return 0;
}

static int make(const char *handle, const struct snapshot_options *options)
{
    GError *error = NULL;
    g_autoptr(snapshot_view) v = snapshot_make(handle, options, &error);
    if (v == NULL)
        return tell(error);
    show(&v->disks[0]);
    return use(v);
}

static int make_killed(const char *handle, const struct snapshot_options *options)
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
            raise(SIGSTOP);
        GError *error = NULL;
        struct snapshot_view *v = snapshot_make(handle, options, &error);
        if (v == NULL)
            fprintf(stderr, "%s\n", error->message);
        _exit(v != NULL ? 0 : 1);
    }
    /* Stops come in pairs: a call is entered, and left. */
    for (int stop = 0; waitpid(child, &status, 0) == child && WIFSTOPPED(status); stop++) {
        int signal = stop > 0 && WSTOPSIG(status) != SIGTRAP ? WSTOPSIG(status) : 0;
        if (stop == 2 * kill_at - 1)
            kill(child, SIGKILL);
        ptrace(PTRACE_SYSCALL, child, NULL, (void *)(intptr_t)signal);
    }
    if (WIFSIGNALED(status))
        return say("killed");
    say(WEXITSTATUS(status) == 0 ? "done" : "failed");
    return WEXITSTATUS(status);
}

static int ask_unchanged(const char *location, const char *identity, char **words,
                         const struct snapshot_options *options)
{
    GError *error = NULL;
    bool same = false;
    struct block_range ranges[16] = { { 0 } };
    size_t count = 0;
    while (words[count] != NULL && count < G_N_ELEMENTS(ranges) &&
           sscanf(words[count], "%" SCNu64 ":%" SCNu64, &ranges[count].off, &ranges[count].len) ==
               2)
        count++;
    const struct snapshot_driver *d = snapshot_driver_of(location, &error);
    if (d == NULL || !d->unchanged(location, identity, ranges, count, options, &same, &error))
        return tell(error);
    return say(same ? "unchanged" : "changed");
}

static int act(char **words, const struct snapshot_options *options)
{
    GError *error = NULL;
    if (g_str_equal(words[1], "plan")) {
        g_autofree char *handle = snapshot_plan(words[2], words[3], options, &error);
        return handle != NULL ? say(handle) : tell(error);
    }
    if (g_str_equal(words[1], "make"))
        return kill_at > 0 ? make_killed(words[2], options) : make(words[2], options);
    if (g_str_equal(words[1], "drop"))
        return snapshot_drop(words[2], options, &error) ? say("ok") : tell(error);
    if (g_str_equal(words[1], "unchanged"))
        return ask_unchanged(words[2], words[3], words + 4, options);
    if (g_str_equal(words[1], "kept")) {
        g_autofree char *handle = snapshot_kept(words[2], words[3]);
        return say(handle != NULL ? handle : "nothing");
    }
    const struct snapshot_driver *d = snapshot_driver_of(words[2], &error);
    g_autofree char *pool = d != NULL ? d->pool(words[2], options) : NULL;
    return pool != NULL ? say(pool) : tell(error);
}

static bool wanted(void *user)
{
    static int asked;
    return stop_at == 0 || ++asked < stop_at;
}

int main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL) || argc < 3)
        return 2;
    json_t *storage = settings_text != NULL ? json_loads(settings_text, 0, NULL) : NULL;
    const struct snapshot_settings settings = { .storage = storage };
    const struct snapshot_options options = {
        .settings = &settings,
        .format = format,
        .quiesce = quiesce,
        .deep = deep,
        .crash_consistent = crash_consistent,
        .secret = secret,
        .use = (enum snapshot_use)use_of_it,
        .wanted = wanted,
    };
    int status = act(argv, &options);
    json_decref(storage);
    return status;
}
