/* SQLite's write-ahead log: is all of it there?
 *
 * SQLite reads a log up to the first frame whose checksum is wrong and passes over the rest in
 * silence: right for the end of a log that was being written, wrong for one that is damaged. */
#pragma once
#include "block/block.h"

/* False with ASSAY_ERROR_CORRUPT when transactions that were written whole would be passed over;
 * an empty log is whole. */
bool sqlite_log_check(struct block *log, GError **error);
