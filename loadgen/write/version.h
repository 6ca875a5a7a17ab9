// Which build of the load generator this is: facts that the build puts in (version.cc.in).
#ifndef MLPERF_LOADGEN_WRITE_VERSION_H_
#define MLPERF_LOADGEN_WRITE_VERSION_H_

#include <map>
#include <string>
#include <string_view>

namespace mlperf::loadgen {

// "0.1.0 @ d6147c7eb7 (compatible with 6.0.17)"; the revision is NA outside git.
std::string_view Version();

// ISO 8601.
std::string_view BuildDateLocal();
std::string_view BuildDateUtc();

// Of the checkout that was built; "NA" outside git.
std::string_view GitCommitDate();
std::string_view GitLogMessage();
std::string_view GitStatusMessage();  // Empty: nothing was uncommitted.

// "/file" to the SHA-1 of the source file, in hex.
const std::map<std::string, std::string>& FileSha1s();

}  // namespace mlperf::loadgen

#endif  // MLPERF_LOADGEN_WRITE_VERSION_H_
