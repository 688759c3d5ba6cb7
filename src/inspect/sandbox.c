#include "inspect/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/autoclose.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/limits.h"
#include "inspect/channel.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_SANITIZER 1
#endif
#endif
#ifndef WITH_SANITIZER
#define WITH_SANITIZER 0
#endif

#define NOBODY 65534 /* the overflow uid and gid, owner of nothing */
/* Every disk of a target may be the top of a chain of images. */
#define DESCRIPTORS (CHANNEL_MAX_FDS * LIMIT_BACKING_DEPTH + 64)

static bool set_limit(int resource, uint64_t value, const char *name, GError **error)
{
    struct rlimit now, wanted = { .rlim_cur = value, .rlim_max = value };
    if (getrlimit((__rlimit_resource_t)resource, &now) == 0 && now.rlim_max < value)
        wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
    if (setrlimit((__rlimit_resource_t)resource, &wanted) != 0)
        return fail_errno(error, errno, "sandbox: limiting %s", name);
    return true;
}

/* Bytes of address space that the program and its libraries take. */
static uint64_t taken_memory(void)
{
    g_autofree char *text = NULL;
    char *end;
    if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL))
        return 0;
    uint64_t pages = g_ascii_strtoull(text, &end, 10), bytes;
    return checked_mul(pages, (uint64_t)sysconf(_SC_PAGESIZE), &bytes) ? bytes : 0;
}

static bool set_limits(const struct sandbox_limits *limits, GError **error)
{
    uint64_t memory;
    if (!checked_add(limits->memory, taken_memory(), &memory))
        memory = limits->memory;
    /* The sanitizer's shadow memory is terabytes of address space. */
    if (!WITH_SANITIZER && !set_limit(RLIMIT_AS, memory, "memory", error))
        return false;
    if (limits->cpu_seconds > 0 && !set_limit(RLIMIT_CPU, limits->cpu_seconds, "CPU time", error))
        return false;
    return set_limit(RLIMIT_FSIZE, 0, "file size", error) &&
           set_limit(RLIMIT_CORE, 0, "core dumps", error) &&
           set_limit(RLIMIT_NOFILE, DESCRIPTORS, "descriptors", error);
}

static bool drop_root(GError **error)
{
    if (geteuid() != 0 && getuid() != 0)
        return true;
    if (setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
        setresuid(NOBODY, NOBODY, NOBODY) == 0)
        return true;
    int saved = errno;
    /* In a user namespace without that user, "root" is the one who made it: without its
     * capabilities it has no more rights than he has. */
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const struct __user_cap_data_struct nothing[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if ((saved == EINVAL || saved == EPERM) && syscall(SYS_capset, &head, nothing) == 0)
        return true;
    return fail_errno(error, saved, "sandbox: giving up root");
}

/* No path may be used, where the kernel knows Landlock; seccomp denies the same by itself. */
static void enter_landlock(void)
{
    struct landlock_ruleset_attr all = { .handled_access_fs = (1ull << 13) - 1 };
    autoclose int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    if (fd >= 0)
        (void)syscall(SYS_landlock_restrict_self, fd, 0);
}

/* What an inspector needs: memory, threads, reading and writing what is open, time, ending. */
static const int allowed_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(lseek),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(fadvise64),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendto),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(fcntl),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(membarrier),
    SCMP_SYS(gettid),
    SCMP_SYS(getpid),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(eventfd2),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(prctl),
    SCMP_SYS(geteuid),
    SCMP_SYS(getuid),
    SCMP_SYS(getegid),
    SCMP_SYS(getgid),
    SCMP_SYS(capget),
};

static int add_rules(scmp_filter_ctx filter)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < G_N_ELEMENTS(allowed_calls); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed_calls[i], 0);
    /* Memory that can be executed is never made. */
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* Threads yes, processes no. clone3 passes its flags in memory, which a filter cannot see:
     * told that it does not exist, the C library falls back to clone. */
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    /* abort() and assertion failures end this process, and only this one. */
    if (r == 0)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
#if WITH_SANITIZER
    static const int reporting[] = { SCMP_SYS(readlink), SCMP_SYS(openat), SCMP_SYS(stat) };
    for (size_t i = 0; r == 0 && i < G_N_ELEMENTS(reporting); i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), reporting[i], 0);
#endif
    return r;
}

static bool enter_seccomp(GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return fail(error, ASSAY_ERROR_IO, "sandbox: no seccomp filter");
    int r = add_rules(filter);
    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    return r == 0 || fail_errno(error, -r, "sandbox: loading the seccomp filter");
}

bool sandbox_enter(const struct sandbox_limits *limits, GError **error)
{
    if (!set_limits(limits, error) || !drop_root(error))
        return false;
    /* After drop_root(): a change of user takes the first of these back (prctl(2)). */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail_errno(error, errno, "sandbox: prctl");
    (void)prctl(PR_SET_DUMPABLE, 0);
    enter_landlock();
    return enter_seccomp(error);
}

struct attempt {
    const char *what;
    bool (*try)(void);
};

static bool try_open(void)
{
    return open("/etc/hostname", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool try_create(void)
{
    return open("/tmp/assay-sandbox-check", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool try_exec(void)
{
    char *const argv[] = { (char *)"/bin/true", NULL };
    return execve("/bin/true", argv, argv + 1) == 0;
}

static bool try_fork(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return pid > 0;
}

static bool try_kill(void)
{
    return kill(getppid(), 0) == 0;
}

static bool try_ptrace(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0;
}

static bool try_exec_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED;
}

static bool try_root(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
    if (syscall(SYS_capget, &head, has) != 0)
        return true; /* not known */
    return (has[0].permitted | has[1].permitted) != 0 || setresuid(0, 0, 0) == 0;
}

static bool try_unlink(void)
{
    return unlink("/tmp/assay-sandbox-check") == 0;
}

bool sandbox_check(GString *out)
{
    static const struct attempt attempts[] = {
        { "open a file", try_open },
        { "create a file", try_create },
        { "remove a file", try_unlink },
        { "make a socket", try_socket },
        { "run a program", try_exec },
        { "start a process", try_fork },
        { "signal the parent", try_kill },
        { "trace the parent", try_ptrace },
        { "make memory executable", try_exec_memory },
        { "have root's rights", try_root },
    };
    bool tight = true;
    for (size_t i = 0; i < G_N_ELEMENTS(attempts); i++) {
        bool possible = attempts[i].try();
        g_string_append_printf(out, "%s: %s\n", attempts[i].what, possible ? "POSSIBLE" : "denied");
        tight = tight && !possible;
    }
    return tight;
}
