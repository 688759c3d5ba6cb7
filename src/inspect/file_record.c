#include "inspect/file_record.h"

static const char *type_name(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return "file";
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "symlink";
    case S_IFCHR:
        return "char";
    case S_IFBLK:
        return "block";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    default:
        return "unknown";
    }
}

void file_record_fill(struct file_record *out, const struct root_walk_entry *entry)
{
    const struct tree_stat *st = &entry->stat;
    out->file = (struct frame_file){
        .path = entry->path,
        .type = type_name(st->mode),
        .size = S_ISREG(st->mode) || S_ISLNK(st->mode) ? st->size : 0,
        .mode = st->mode & 07777,
        .uid = st->uid,
        .gid = st->gid,
        .nlink = st->nlink,
        .mtime = st->mtime,
        .ctime = st->ctime,
        .target = entry->target,
    };
    if (entry->fault != NULL) {
        (void)g_strlcpy(out->fault, entry->fault->message, sizeof out->fault);
        out->file.fault = out->fault;
    }
}
