import ScenarioFiles
import Simulation

/// What is wrong with one run.
struct Failure: Sendable {
    enum Kind: Sendable { case safety, liveness }

    var seed: UInt64
    var kind: Kind
    /// The check's id, or the expectation.
    var id: String
    var name: String
    var fact: String
    var clash: String
    var violation: Violation?
}

/// What the runs of one study came to.
struct StudyResult: Sendable {
    let study: Study
    private(set) var runs = 0
    private(set) var events: UInt64 = 0
    private(set) var simulated: Nanoseconds = 0
    private(set) var trace = TraceHash()
    private(set) var marks = MarkCounts()
    private(set) var seedsWithMark = [Int](repeating: 0, count: Mark.allCases.count)
    private(set) var failures: [Failure] = []
    private(set) var externalEvents = 0

    init(_ study: Study) { self.study = study }

    /// In the order of the seeds.
    mutating func add(_ report: RunReport) {
        runs += 1
        events &+= report.events
        simulated &+= report.simulated
        externalEvents += report.externalEvents
        trace.mix(report.trace.value)
        marks.add(report.marks)
        for mark in Mark.allCases where report.marks[mark] > 0 { seedsWithMark[mark.rawValue] += 1 }
        if let failure = Self.failure(report, study.expectations) { failures.append(failure) }
    }

    /// Marks that the scenario says are seen sometimes, and no seed saw.
    var neverSeen: [Mark] {
        study.expectations.compactMap {
            if case .sometimes(let mark) = $0, marks[mark] == 0 { mark } else { nil }
        }
    }

    // MARK: One run

    static func failure(_ report: RunReport, _ expectations: [Expectation]) -> Failure? {
        if let violation = report.violation, isAsked(violation.check, expectations) {
            return Failure(
                seed: report.seed, kind: violation.check.isLiveness ? .liveness : .safety,
                id: violation.check.rawValue, name: "\(violation.check)", fact: violation.fact, clash: violation.clash,
                violation: violation)
        }
        for expectation in expectations {
            if let found = broken(expectation, report) { return found }
        }
        return nil
    }

    /// A file may ask for some checks alone; without `expect always` all are asked for.
    private static func isAsked(_ check: CheckID, _ expectations: [Expectation]) -> Bool {
        let lists = expectations.compactMap { if case .always(let checks) = $0 { checks } else { nil } }
        return lists.isEmpty || lists.contains { $0.isEmpty || $0.contains(check) }
    }

    private static func broken(_ expectation: Expectation, _ report: RunReport) -> Failure? {
        func failure(_ kind: Failure.Kind, _ fact: String, _ clash: String) -> Failure {
            Failure(
                seed: report.seed, kind: kind, id: "expect", name: expectation.text, fact: fact,
                clash: clash)
        }
        switch expectation {
        case .always, .sometimes: return nil
        case .never(let mark):
            guard report.marks[mark] > 0 else { return nil }
            return failure(.safety, "'\(mark.word)' is never to be seen", "and was seen \(report.marks[mark]) times")
        case .pauseAtMost(let most):
            guard report.longestPause > most else { return nil }
            return failure(
                .safety, "writers are to be paused for \(TrueTime(most)) s at most",
                "and once were for \(TrueTime(report.longestPause)) s")
        case .within(let bound):
            guard report.wasRecoverable, report.violation == nil else { return nil }
            guard let after = report.convergedAfter else {
                return failure(.liveness, "all devices are to agree \(TrueTime(bound)) s after", "and never did")
            }
            guard after > bound else { return nil }
            return failure(
                .liveness, "all devices are to agree \(TrueTime(bound)) s after the faults",
                "and it took them \(TrueTime(after)) s")
        }
    }
}

extension CheckID {
    /// What must come, rather than what must never be.
    var isLiveness: Bool { rawValue.hasPrefix("V") }
}
