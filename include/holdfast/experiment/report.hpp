#pragma once
#include <holdfast/experiment/record.hpp>
namespace holdfast::experiment {
class report {
  public:
    report() = default;
    explicit report(run_record run) { runs_.push_back(std::move(run)); }
    const std::vector<run_record>& runs() const { return runs_; }

  private:
    std::vector<run_record> runs_;
};
}  // namespace holdfast::experiment
