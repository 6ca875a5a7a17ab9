// Goal: the core's files keep to the one-way flow: each includes only its own stage and earlier
// ones, and nothing but the standard library and POSIX from outside. Method: the stages as an
// ordered table; the #include lines of every file in loadgen/ are read and held against it. A file
// that is not in the table fails: place it. A last test holds the embedded mlperf.conf to its file.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "settings/config_file.h"

namespace mlperf::loadgen {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

struct Stage {
  std::string name;
  // Without extension where header and source belong together, else with it.
  std::set<std::string> files;
  // Earlier stages that this one knows nothing of.
  std::set<std::string> closed = {};
};

const std::vector<Stage>& Stages() {
  static const std::vector<Stage> stages = {
      {"public API",
       {"loadgen.h", "optional_value", "progress.h", "query_dispatch_library", "query_sample",
        "query_sample_library", "system_under_test", "test_result", "test_settings"}},
      {"settings", {"near_names", "number_text", "settings_table", "config_file", "embedded_conf"}},
      {"plan", {"run_plan", "checkpoint", "option_range"}},
      {"records",
       {"run_record", "sample_slots", "stop_condition", "failed_samples", "missing_samples"}},
      {"queries",
       {"random", "arrival_process", "loadable_set", "sample_selection", "accuracy_sampling",
        "query_source"}},
      {"outside world", {"clock", "run_control", "output_file", "interrupts"}},
      {"accuracy log", {"accuracy_log"}},  // The one writer that works during a run.
      {"issuing",
       {"cpu_relax", "keeping_system", "sleeper", "recorder", "query_demand", "query_feed", "pacer",
        "issue_threads", "completion_registry", "completion_sink", "wake_pipe", "query_queue",
        "served_samples", "issuer", "set_runner", "stall_watch", "watched_set", "silence_report",
        "progress.cc"}},
      {"evaluation",
       {"latency_stats", "lateness_caution", "token_stats", "early_stopping", "verdict",
        "peak_search", "control_queue", "trial_watch", "peak_fit", "peak_finder"},
       {"queries", "outside world", "accuracy log", "issuing"}},
      {"writers",
       {"mllog", "detail_log", "summary_log", "trace_log", "sample_log", "sample_reader",
        "log_files", "test_logs", "version"},
       {"queries", "issuing", "evaluation"}},
      {"wiring",
       {"test_registry", "test_conductor", "offline_probe", "peak_trials", "peak_phase", "test_run",
        "loadgen.cc"}},
      {"accuracy reader",  // Stands alone.
       {"hex_decode", "block_reader", "accuracy_reader"},
       {"public API", "settings", "plan", "records", "queries", "outside world", "accuracy log",
        "issuing", "evaluation", "writers", "wiring"}},
  };
  return stages;
}

// "verdict.cc" and "verdict.h" are "verdict", "version.cc.in" is "version".
std::string Stem(const std::string& file) { return file.substr(0, file.find('.')); }

// The position of the file's stage; -1 if it is in none.
int StageOf(const std::string& file) {
  for (size_t i = 0; i < Stages().size(); ++i) {
    const std::set<std::string>& files = Stages()[i].files;
    if (files.count(file) + files.count(Stem(file)) > 0) return static_cast<int>(i);
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
  static const std::set<std::string> posix = {"fcntl.h",     "pthread.h",  "signal.h", "sys/mman.h",
                                              "sys/prctl.h", "sys/stat.h", "unistd.h"};
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
  const int own = StageOf(file);
  const int other = StageOf(include.name);
  if (own < 0) return start + "the file is in no stage";
  if (other < 0) return start + "not a file of the core";
  const Stage& from = Stages()[static_cast<size_t>(own)];
  const Stage& to = Stages()[static_cast<size_t>(other)];
  if (other > own) return start + from.name + " comes before " + to.name;
  if (from.closed.count(to.name) > 0) return start + from.name + " knows nothing of " + to.name;
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

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool IsSource(const std::string& name) {
  return name.ends_with(".h") || name.ends_with(".cc") || name.ends_with(".cc.in");
}

// The core's source files and their texts.
const std::map<std::string, std::string>& Sources() {
  static const std::map<std::string, std::string> sources = [] {
    std::map<std::string, std::string> found;
    const fs::path folder = fs::path(LOADGEN_SOURCE_DIR) / "loadgen";
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (IsSource(name)) found[name] = ReadFile(entry.path());
    }
    return found;
  }();
  return sources;
}

// ---- The core ----------------------------------------------------------------------------------

TEST(LayeringTest, EveryFileHasItsStage) {
  EXPECT_GT(Sources().size(), 50u);
  for (const auto& [file, source] : Sources()) {
    EXPECT_GE(StageOf(file), 0) << file << " is in no stage: place it in the table of this test";
  }
}

TEST(LayeringTest, TheTableNamesOnlyFilesThatAreThereEachOnce) {
  std::set<std::string> names, seen;
  for (const auto& [file, source] : Sources()) names.insert({file, Stem(file)});
  for (const Stage& stage : Stages()) {
    for (const std::string& file : stage.files) {
      EXPECT_EQ(names.count(file), 1u) << file;
      EXPECT_TRUE(seen.insert(file).second) << file << " is in two stages";
    }
  }
}

TEST(LayeringTest, EveryIncludeFollowsTheFlow) {
  for (const auto& [file, source] : Sources()) {
    for (const std::string& complaint : Complaints(file, source)) ADD_FAILURE() << complaint;
  }
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
    if (StageOf(file) == 0) public_headers.insert(file);
  }
  EXPECT_EQ(installed, public_headers);
}

// ---- The check itself --------------------------------------------------------------------------

TEST(LayeringTest, TheCheckSeesEachKindOfFault) {
  struct Case {
    std::string file, line, complaint;  // An empty complaint: fine.
  };
  const std::vector<Case> kCases = {
      {"verdict.cc", "#include \"early_stopping.h\"", ""},
      {"verdict.cc", "#include <vector>", ""},
      {"pacer.cc", "#include <sys/prctl.h>", ""},
      {"query_source.h", "#include \"run_record.h\"", ""},
      {"version.cc.in", "#include \"version.h\"", ""},
      {"loadgen.cc", "#include \"test_run.h\"", ""},
      {"verdict.cc", "// #include \"issuer.h\"", ""},
      {"verdict.cc", "#include \"issuer.h\"", "evaluation knows nothing of issuing"},
      {"verdict.cc", "#include \"clock.h\"", "evaluation knows nothing of outside world"},
      {"trace_log.h", "  #  include \"recorder.h\"  // why", "writers knows nothing of issuing"},
      {"accuracy_reader.h", "#include \"test_settings.h\"", "accuracy reader knows nothing of"},
      {"test_run.cc", "#include \"accuracy_reader.h\"", "wiring comes before accuracy reader"},
      {"run_plan.cc", "#include \"query_source.h\"", "plan comes before queries"},
      {"loadgen.h", "#include \"run_plan.h\"", "public API comes before plan"},
      {"loadgen.h", "#include \"test_run.h\"", "public API comes before wiring"},
      {"verdict.cc", "#include \"gtest/gtest.h\"", "not a file of the core"},
      {"verdict.cc", "#include <boost/any.hpp>", "neither the standard library nor POSIX"},
      {"verdict.cc", "#include MACRO", "neither the standard library nor POSIX"},
      {"brand_new.cc", "#include \"verdict.h\"", "the file is in no stage"},
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

// ---- mlperf.conf -------------------------------------------------------------------------------

TEST(EmbeddedConfTest, IsTheFileOfTheRepository) {
  EXPECT_EQ(EmbeddedMlperfConf(), ReadFile(fs::path(LOADGEN_SOURCE_DIR) / "mlperf.conf"));
}

}  // namespace
}  // namespace mlperf::loadgen
