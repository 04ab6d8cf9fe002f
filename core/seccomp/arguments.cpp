// A condition on a 64-bit argument is one or two tests of 32-bit words. Neighbouring matches that begin with
// the same test share it: "argument 0 is 0, 8 or 0x20000" asks once whether the high word is 0. Equalities
// count as two tests for that purpose; the other comparisons of two words stay together, for they can be
// decided by the first word alone, both ways.
//
// A jump to the next test often arrives with the right word already loaded. So each test has two entries,
// with and without the load, and the jump takes the one that fits.
#include "core/seccomp/arguments.h"

#include <linux/seccomp.h>

#include <bit>
#include <cstddef>
#include <optional>

namespace urc::seccomp {
namespace {

using Label = Assembler::Label;

struct Step {
    bool is_word = false;  // one word under a mask is equal to `datum`, whose upper half is 0 then
    bool is_high = false;  // which word
    Condition condition;

    bool operator==(const Step&) const = default;
};

struct Path {
    std::vector<Step> steps;
    std::uint32_t action = 0;
};

// Where to jump to, and where when the accumulator holds `word` already.
struct Target {
    explicit Target(Label label) : loading(label), loaded(label) {}
    Target(Label with_load, Label without, std::uint32_t offset)
        : loading(with_load), loaded(without), word(offset) {}

    Label with(std::uint32_t offset) const { return word == offset ? loaded : loading; }

    Label loading, loaded;
    std::optional<std::uint32_t> word;
};

std::uint32_t offset_of(unsigned argument, bool is_high) {
    constexpr bool kIsLittle = std::endian::native == std::endian::little;
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + argument * 8 +
           (is_high == kIsLittle ? 4 : 0);
}

std::uint32_t high(std::uint64_t value) {
    return static_cast<std::uint32_t>(value >> 32);
}
std::uint32_t low(std::uint64_t value) {
    return static_cast<std::uint32_t>(value);
}

Path path_of(const Match& match, bool is_64_bit) {
    Path path{.steps = {}, .action = match.action};
    for (const Condition& condition : match.conditions) {
        if (condition.op != Op::eq && condition.op != Op::masked_eq) {
            path.steps.push_back({.is_word = false, .is_high = false, .condition = condition});
            continue;
        }
        for (bool is_high : {true, false}) {
            if (is_high && !is_64_bit) continue;
            Condition half{condition.argument, Op::eq, low(condition.mask), low(condition.datum)};
            if (is_high) half.mask = high(condition.mask), half.datum = high(condition.datum);
            if (half.mask != 0)
                path.steps.push_back({.is_word = true, .is_high = is_high, .condition = half});
        }
    }
    return path;
}

class Emitter {
public:
    Emitter(Assembler& out, bool is_64_bit) : out_(out), is_64_bit_(is_64_bit) {}

    // The paths agree in the first `depth` steps, and these hold.
    Target emit(std::span<const Path> paths, std::size_t depth, Target otherwise) {
        // From the last group of equal steps to the first: what fails in one goes on with the next.
        while (!paths.empty()) {
            const Path& last = paths.back();
            std::size_t begin = paths.size() - 1;
            if (last.steps.size() == depth) {
                otherwise = Target(out_.action(last.action));
            } else {
                const Step& step = last.steps[depth];
                while (begin > 0 && paths[begin - 1].steps.size() > depth &&
                       paths[begin - 1].steps[depth] == step)
                    --begin;
                Target yes = emit(paths.subspan(begin), depth + 1, otherwise);
                otherwise = emit_step(step, yes, otherwise);
            }
            paths = paths.first(begin);
        }
        return otherwise;
    }

private:
    Target emit_step(const Step& step, const Target& yes, const Target& no) {
        const Condition& c = step.condition;
        if (step.is_word) return emit_word(c, offset_of(c.argument, step.is_high), yes, no);
        if (!is_64_bit_) return emit_low(c, yes, no);
        return emit_pair(c, yes, no);
    }

    Target emit_word(const Condition& c, std::uint32_t word, const Target& yes, const Target& no) {
        const std::uint32_t mask = low(c.mask), datum = low(c.datum);
        Label test = 0;
        if (mask == 0xffffffff) {
            test = out_.branch(BPF_JEQ, datum, yes.with(word), no.with(word));
        } else if (datum == 0) {
            test = out_.branch(BPF_JSET, mask, no.with(word), yes.with(word));
        } else {
            test = out_.mask(mask, out_.branch(BPF_JEQ, datum, yes.loading, no.loading));
        }
        return {out_.load(word, test), test, word};
    }

    // The comparison of the low words; which decides when the high ones are equal.
    Target emit_low(const Condition& c, const Target& yes, const Target& no) {
        const std::uint32_t word = offset_of(c.argument, false);
        std::uint16_t op = BPF_JEQ;
        if (c.op == Op::gt || c.op == Op::le) op = BPF_JGT;
        if (c.op == Op::ge || c.op == Op::lt) op = BPF_JGE;
        bool is_reversed = c.op == Op::ne || c.op == Op::le || c.op == Op::lt;
        Label a = yes.with(word), b = no.with(word);
        Label test = out_.branch(op, low(c.datum), is_reversed ? b : a, is_reversed ? a : b);
        return {out_.load(word, test), test, word};
    }

    Target emit_pair(const Condition& c, const Target& yes, const Target& no) {
        const std::uint32_t word = offset_of(c.argument, true);
        const Label equal = emit_low(c, yes, no).loading;
        const bool is_less = c.op == Op::lt || c.op == Op::le;
        const Label above = (is_less ? no : yes).with(word);
        const Label below = (is_less || c.op == Op::ne ? yes : no).with(word);
        Label test = 0;
        if (c.op == Op::ne || high(c.datum) == 0) {  // nothing is below 0
            test = out_.branch(BPF_JEQ, high(c.datum), equal, above);
        } else {
            Label is_equal = out_.branch(BPF_JEQ, high(c.datum), equal, below);
            test = out_.branch(BPF_JGT, high(c.datum), above, is_equal);
        }
        return {out_.load(word, test), test, word};
    }

    Assembler& out_;
    bool is_64_bit_;
};

}  // namespace

Label emit_matches(Assembler& out, std::span<const Match> matches, bool is_64_bit, Label otherwise) {
    std::vector<Path> paths;
    for (const Match& match : matches) paths.push_back(path_of(match, is_64_bit));
    return Emitter(out, is_64_bit).emit(paths, 0, Target(otherwise)).loading;
}

}  // namespace urc::seccomp
