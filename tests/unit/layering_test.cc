// Goal: the core's folders keep to the one-way flow: a file includes only its own folder and
// earlier ones, no files include each other in a circle, and nothing but the standard library and
// POSIX comes from outside. Method: the folders as an ordered table; the #include lines of every
// file in loadgen/ are read and held against it. A folder that is not in the table fails: place it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace mlperf::loadgen {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr char kPublic[] = "(public headers)";
constexpr char kEntryPoints[] = "loadgen.cc";

struct Folder {
  std::string name;
  // Earlier folders that this one knows nothing of.
  std::set<std::string> closed = {};
};

// All folders but the public headers and `known`.
std::set<std::string> AllBut(const std::set<std::string>& known) {
  std::set<std::string> others = {"settings", "plan",  "record", "traffic",
                                  "platform", "serve", "issue",  "evaluate",
                                  "search",   "write", "read",   "conduct"};
  for (const std::string& name : known) others.erase(name);
  return others;
}

const std::vector<Folder>& Folders() {
  static const std::vector<Folder> folders = {
      {kPublic},
      {"settings"},
      {"plan"},
      {"record"},
      {"traffic"},
      {"platform"},
      {"serve", AllBut({"platform"})},
      {"issue"},
      {"evaluate", AllBut({"settings", "plan", "record"})},
      {"search", AllBut({})},
      {"write", AllBut({"settings", "plan", "record", "platform"})},
      {"read", AllBut({"record", "platform"})},
      {"conduct"},
      {kEntryPoints},
  };
  return folders;
}

// "evaluate/verdict.cc" is in "evaluate"; the folder loadgen itself holds the public headers and
// loadgen.cc.
std::string FolderName(const std::string& file) {
  const size_t slash = file.find('/');
  if (slash != file.npos) return file.substr(0, slash);
  return file.ends_with(".h") ? kPublic : file;
}

// The position of the file's folder; -1 if it is not in the table.
int FolderOf(const std::string& file) {
  for (size_t i = 0; i < Folders().size(); ++i) {
    if (Folders()[i].name == FolderName(file)) return static_cast<int>(i);
  }
  return -1;
}

struct Include {
  std::string text;  // The whole line.
  std::string name;  // Empty if it could not be read.
  bool quoted = false;
};

// Takes `word`, and the spaces before it, from the front of `text`; false if it is not there.
bool Take(std::string_view word, std::string_view* text) {
  text->remove_prefix(std::min(text->find_first_not_of(" \t"), text->size()));
  if (!text->starts_with(word)) return false;
  text->remove_prefix(word.size());
  return true;
}

std::vector<Include> Includes(std::istream& source) {
  std::vector<Include> includes;
  for (std::string line; std::getline(source, line);) {
    std::string_view rest = line;
    if (!Take("#", &rest) || !Take("include", &rest)) continue;
    const bool quoted = Take("\"", &rest);
    const bool named = quoted || Take("<", &rest);
    const size_t end = rest.find(quoted ? '"' : '>');
    const bool readable = named && end != rest.npos;
    includes.push_back({line, readable ? std::string(rest.substr(0, end)) : "", quoted});
  }
  return includes;
}

bool IsOfTheSystem(const std::string& name) {
  static const std::set<std::string> posix = {"fcntl.h",    "pthread.h",   "signal.h",
                                              "sys/mman.h", "sys/prctl.h", "sys/resource.h",
                                              "sys/stat.h", "sys/uio.h",   "unistd.h"};
  // The standard library's headers have neither a dot nor a slash in their names.
  const bool standard =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
  return standard || posix.count(name) > 0;
}

// What is wrong with one include; empty if nothing is.
std::string Complaint(const std::string& file, const Include& include) {
  const std::string start = file + ": " + include.text + ": ";
  if (!include.quoted) {
    return !include.name.empty() && IsOfTheSystem(include.name)
               ? ""
               : start + "neither the standard library nor POSIX";
  }
  const int own = FolderOf(file);
  const int other = FolderOf(include.name);
  if (own < 0) return start + "the file's folder is not in the table";
  if (other < 0) return start + "not a file of the core";
  const Folder& from = Folders()[static_cast<size_t>(own)];
  const Folder& to = Folders()[static_cast<size_t>(other)];
  if (other > own) return start + from.name + " comes before " + to.name;
  if (own != other && from.closed.count(to.name) > 0) {
    return start + from.name + " knows nothing of " + to.name;
  }
  return "";
}

Lines Complaints(const std::string& file, const std::string& source) {
  std::istringstream stream(source);
  Lines complaints;
  for (const Include& include : Includes(stream)) {
    const std::string complaint = Complaint(file, include);
    if (!complaint.empty()) complaints.push_back(complaint);
  }
  return complaints;
}

// ---- Circles -----------------------------------------------------------------------------------

using Graph = std::map<std::string, std::set<std::string>>;

// Which files each of `sources` includes, by their names in loadgen/.
Graph IncludesOf(const std::map<std::string, std::string>& sources) {
  Graph graph;
  for (const auto& [file, source] : sources) {
    std::istringstream stream(source);
    for (const Include& include : Includes(stream)) {
      if (include.quoted) graph[file].insert(include.name);
    }
  }
  return graph;
}

// A circle of includes as "a.h -> b.h -> a.h"; empty if there is none.
std::string FindCircle(const Graph& graph) {
  std::set<std::string> done;
  Lines path;
  const std::function<std::string(const std::string&)> visit = [&](const std::string& file) {
    const auto seen = std::find(path.begin(), path.end(), file);
    if (seen != path.end()) {
      std::string circle;
      for (auto step = seen; step != path.end(); ++step) circle += *step + " -> ";
      return circle + file;
    }
    if (!done.insert(file).second || graph.count(file) == 0) return std::string();
    path.push_back(file);
    for (const std::string& next : graph.at(file)) {
      const std::string circle = visit(next);
      if (!circle.empty()) return circle;
    }
    path.pop_back();
    return std::string();
  };
  for (const auto& [file, included] : graph) {
    const std::string circle = visit(file);
    if (!circle.empty()) return circle;
  }
  return "";
}

// ---- The core ----------------------------------------------------------------------------------

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool IsSource(const std::string& name) {
  return name.ends_with(".h") || name.ends_with(".cc") || name.ends_with(".cc.in");
}

// The source files below a folder by their names there, and their texts.
std::map<std::string, std::string> SourcesIn(const char* folder) {
  std::map<std::string, std::string> found;
  const fs::path root = fs::path(LOADGEN_SOURCE_DIR) / folder;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    const std::string name = entry.path().lexically_relative(root).generic_string();
    if (IsSource(name)) found[name] = ReadFile(entry.path());
  }
  return found;
}

const std::map<std::string, std::string>& Sources() {
  static const std::map<std::string, std::string> sources = SourcesIn("loadgen");
  return sources;
}

TEST(LayeringTest, EveryFileIsInAFolderOfTheTable) {
  EXPECT_GT(Sources().size(), 100u);
  for (const auto& [file, source] : Sources()) {
    EXPECT_GE(FolderOf(file), 0) << file << ": place its folder in the table of this test";
  }
}

TEST(LayeringTest, EveryFolderOfTheTableHasFiles) {
  std::set<std::string> used;
  for (const auto& [file, source] : Sources()) used.insert(FolderName(file));
  for (const Folder& folder : Folders()) EXPECT_EQ(used.count(folder.name), 1u) << folder.name;
}

TEST(LayeringTest, EveryIncludeFollowsTheFlow) {
  for (const auto& [file, source] : Sources()) {
    for (const std::string& complaint : Complaints(file, source)) ADD_FAILURE() << complaint;
  }
}

TEST(LayeringTest, NoFilesIncludeEachOtherInACircle) {
  EXPECT_EQ(FindCircle(IncludesOf(Sources())), "");
}

TEST(LayeringTest, InstalledHeadersAreThePublicOnes) {
  const std::string cmake = ReadFile(fs::path(LOADGEN_SOURCE_DIR) / "loadgen/CMakeLists.txt");
  const std::string list = "set(LOADGEN_PUBLIC_HEADERS";
  const size_t begin = cmake.find(list);
  ASSERT_NE(begin, cmake.npos);
  const size_t words_begin = begin + list.size();
  std::istringstream words(cmake.substr(words_begin, cmake.find(')', words_begin) - words_begin));
  const std::set<std::string> installed{std::istream_iterator<std::string>(words), {}};
  std::set<std::string> public_headers;
  for (const auto& [file, source] : Sources()) {
    if (FolderName(file) == kPublic) public_headers.insert(file);
  }
  EXPECT_EQ(installed, public_headers);
}

// A pair of a header and its source may stand there by the name that they share.
TEST(LayeringTest, TheReadmeNamesEveryFile) {
  const std::string readme = ReadFile(fs::path(LOADGEN_SOURCE_DIR) / "loadgen/README.md");
  for (const auto& [file, source] : Sources()) {
    const std::string name = fs::path(file).filename().string();
    const std::string shared = name.substr(0, name.find('.'));
    const bool named = readme.find("`" + name + "`") != readme.npos ||
                       readme.find("`" + shared + "`") != readme.npos ||
                       readme.find("`" + shared + ".h`") != readme.npos;
    EXPECT_TRUE(named) << file << ": add it to the table of loadgen/README.md";
  }
}

// ---- Parts around the core ---------------------------------------------------------------------

TEST(LayeringTest, ShardsIncludeTheirOwnFilesAndPublicHeaders) {
  const std::map<std::string, std::string> sources = SourcesIn("shards");
  EXPECT_GT(sources.size(), 15u);
  for (const auto& [file, source] : sources) {
    std::istringstream stream(source);
    for (const Include& include : Includes(stream)) {
      const bool is_public = FolderName(include.name) == kPublic && Sources().count(include.name);
      const bool is_allowed = include.quoted ? sources.count(include.name) == 1 || is_public
                                             : IsOfTheSystem(include.name);
      EXPECT_TRUE(is_allowed) << file << ": " << include.text;
    }
  }
  EXPECT_EQ(FindCircle(IncludesOf(sources)), "");
}

// Vector instructions, for the files of kernels that are theirs.
bool IsOfTheProcessor(const std::string& file, const std::string& name) {
  return file.starts_with("kernels/") && file.find("_avx") != file.npos && name == "immintrin.h";
}

TEST(LayeringTest, CompressIncludesItsOwnFilesAlone) {
  const std::map<std::string, std::string> sources = SourcesIn("compress");
  EXPECT_GT(sources.size(), 10u);
  for (const auto& [file, source] : sources) {
    std::istringstream stream(source);
    for (const Include& include : Includes(stream)) {
      const bool is_allowed =
          include.quoted ? sources.count(include.name) == 1
                         : IsOfTheSystem(include.name) || IsOfTheProcessor(file, include.name);
      EXPECT_TRUE(is_allowed) << file << ": " << include.text;
    }
  }
  EXPECT_EQ(FindCircle(IncludesOf(sources)), "");
}

// What sockets and transfers ask of Linux, besides.
bool IsOfTheNetwork(const std::string& name) {
  static const std::set<std::string> headers = {
      "arpa/inet.h",    "linux/net_tstamp.h", "dlfcn.h",       "linux/futex.h", "netdb.h",
      "netinet/in.h",   "netinet/tcp.h",      "poll.h",        "sched.h",       "sys/epoll.h",
      "sys/eventfd.h",  "sys/random.h",       "sys/syscall.h", "sys/time.h",    "sys/timerfd.h",
      "sys/resource.h", "sys/socket.h",       "sys/un.h",      "time.h"};
  return headers.count(name) > 0;
}

// libfabric's headers, by the files that are not compiled without.
bool MayInclude(const std::string& file, const std::string& name) {
  return file.starts_with("fabric/") && name.starts_with("rdma/");
}

TEST(LayeringTest, TransferIncludesItsOwnFilesAlone) {
  const std::map<std::string, std::string> sources = SourcesIn("transfer");
  EXPECT_GT(sources.size(), 15u);
  for (const auto& [file, source] : sources) {
    std::istringstream stream(source);
    for (const Include& include : Includes(stream)) {
      const bool is_allowed = include.quoted
                                  ? sources.count(include.name) == 1
                                  : IsOfTheSystem(include.name) || IsOfTheNetwork(include.name) ||
                                        MayInclude(file, include.name);
      EXPECT_TRUE(is_allowed) << file << ": " << include.text;
    }
  }
  EXPECT_EQ(FindCircle(IncludesOf(sources)), "");
}

TEST(LayeringTest, TheNetworkIncludesItsOwnFilesThoseOfTheCoreAndOfTransfers) {
  const std::map<std::string, std::string> sources = SourcesIn("network");
  const std::map<std::string, std::string> transfer = SourcesIn("transfer");
  EXPECT_GT(sources.size(), 5u);
  for (const auto& [file, source] : sources) {
    std::istringstream stream(source);
    for (const Include& include : Includes(stream)) {
      const bool is_allowed = include.quoted
                                  ? sources.count(include.name) + Sources().count(include.name) +
                                            transfer.count(include.name) ==
                                        1
                                  : IsOfTheSystem(include.name) || IsOfTheNetwork(include.name);
      EXPECT_TRUE(is_allowed) << file << ": " << include.text;
    }
  }
  EXPECT_EQ(FindCircle(IncludesOf(sources)), "");
}

TEST(LayeringTest, TheClientOfEndpointsIncludesItsOwnFilesAlone) {
  const std::map<std::string, std::string> sources = SourcesIn("llm");
  EXPECT_GT(sources.size(), 15u);
  for (const auto& [file, source] : sources) {
    std::istringstream stream(source);
    for (const Include& include : Includes(stream)) {
      const bool is_allowed = include.quoted
                                  ? sources.count(include.name) == 1
                                  : IsOfTheSystem(include.name) || IsOfTheNetwork(include.name);
      EXPECT_TRUE(is_allowed) << file << ": " << include.text;
    }
  }
  EXPECT_EQ(FindCircle(IncludesOf(sources)), "");
}

// ---- The check itself --------------------------------------------------------------------------

TEST(LayeringTest, TheCheckSeesEachKindOfFault) {
  struct Case {
    std::string file, line, complaint;  // An empty complaint: fine.
  };
  const std::vector<Case> kCases = {
      {"evaluate/verdict.cc", "#include \"evaluate/early_stopping.h\"", ""},
      {"evaluate/verdict.cc", "#include <vector>", ""},
      {"issue/pacer.cc", "#include <sys/prctl.h>", ""},
      {"traffic/query_source.h", "#include \"record/run_record.h\"", ""},
      {"write/version.cc.in", "#include \"write/version.h\"", ""},
      {"loadgen.cc", "#include \"conduct/run.h\"", ""},
      {"evaluate/verdict.cc", "// #include \"issue/issuer.h\"", ""},
      {"evaluate/verdict.cc", "#include \"issue/issuer.h\"", "evaluate knows nothing of issue"},
      {"evaluate/verdict.cc", "#include \"platform/clock.h\"",
       "evaluate knows nothing of platform"},
      {"search/peak_fit.h", "#include \"plan/run_plan.h\"", "search knows nothing of plan"},
      {"serve/query_queue.h", "#include \"record/run_record.h\"", "serve knows nothing of record"},
      {"write/trace_log.h", "  #  include \"issue/recorder.h\"  // why",
       "write knows nothing of issue"},
      {"read/sample_reader.cc", "#include \"write/sample_log.h\"", "read knows nothing of write"},
      {"issue/recorder.h", "#include \"write/accuracy_log.h\"", "issue comes before write"},
      {"plan/run_plan.cc", "#include \"traffic/query_source.h\"", "plan comes before traffic"},
      {"loadgen.h", "#include \"plan/run_plan.h\"", "(public headers) comes before plan"},
      {"loadgen.h", "#include \"conduct/run.h\"", "(public headers) comes before conduct"},
      {"evaluate/verdict.cc", "#include \"early_stopping.cc\"", "not a file of the core"},
      {"evaluate/verdict.cc", "#include \"gtest/gtest.h\"", "not a file of the core"},
      {"evaluate/verdict.cc", "#include \"shards/walker.h\"", "not a file of the core"},
      {"evaluate/verdict.cc", "#include \"transfer/engine.h\"", "not a file of the core"},
      {"evaluate/verdict.cc", "#include <boost/any.hpp>", "neither the standard library nor POSIX"},
      {"evaluate/verdict.cc", "#include MACRO", "neither the standard library nor POSIX"},
      {"brand_new/x.cc", "#include \"evaluate/verdict.h\"",
       "the file's folder is not in the table"},
  };
  for (const Case& c : kCases) {
    const Lines complaints = Complaints(c.file, "int x;\n" + c.line + "\n");
    if (c.complaint.empty()) {
      EXPECT_EQ(complaints, Lines{}) << c.line;
      continue;
    }
    ASSERT_EQ(complaints.size(), 1u) << c.file << ": " << c.line;
    EXPECT_NE(complaints[0].find(c.complaint), std::string::npos) << complaints[0];
  }
}

TEST(LayeringTest, TheCheckSeesACircle) {
  EXPECT_EQ(FindCircle({{"a.h", {"b.h"}}, {"b.h", {"c.h", "d.h"}}, {"d.h", {"b.h"}}}),
            "b.h -> d.h -> b.h");
  EXPECT_EQ(FindCircle({{"a.h", {"b.h", "c.h"}}, {"b.h", {"c.h"}}}), "");
}

}  // namespace
}  // namespace mlperf::loadgen
