import Glibc
import Primitives
import Testing

@testable import GitWorkspace

/// Not a test of behaviour: prints how long an apply of 26 paths takes. Runs only when asked for by BATON_FIGURES.
@Suite(.enabled(if: getenv("BATON_FIGURES") != nil), .serialized) struct ApplyFigures {
    @Test(arguments: [1000, 10_000])
    func `26 paths among many`(_ files: Int) async throws {
        let bench = try await UserBench()
        try bench.shell(
            """
            git init -q work; cd work
            seq 0 \(files / 100 - 1) | sed 's/^/d/' | xargs mkdir
            seq 0 \(files - 1) | awk '{ f = "d" int($1 / 100) "/f" $1; print "content " $1 > f; close(f) }'
            git add .; git commit -qm first; git push -q ../store HEAD:refs/baton/main
            """)
        let store = HermeticGit(installation: bench.installation, gitDirectory: bench.store)
        let repository = try await bench.repository()
        var (stages, exchanges, forwards) = ([Double](), [Double](), [Double]())
        let applier = try Applier(root: bench.root, state: bench.state)
        var head = try bench.head()
        for number in 0..<11 {
            let script = (0..<26).map {
                "echo \(number) $RANDOM > d\($0 % (files / 100))/f\($0 % (files / 100) * 100 + $0)"
            }
            let next = try bench.peerCommit(script.joined(separator: "\n"))
            let changes = try await bench.changes(from: head.hex, to: next)
            var blobs: [String: [UInt8]] = [:]
            for change in changes {
                guard let new = change.new else { continue }
                blobs[new.blob] = try await store.run(["cat-file", "blob", new.blob]).output
            }
            let contents = blobs
            let round = RoundID(token: FencingToken(epoch: 1, counter: 1), sequence: UInt64(number))
            // What the making of the commit left to be written is no part of the apply.
            try bench.shell("sync")
            let start = ContinuousClock.now
            let staged = try await applier.stage(changes, round: round) { contents[$0] ?? [] }
            let middle = ContinuousClock.now
            let report = try applier.exchange(staged)
            let end = ContinuousClock.now
            #expect(report.isComplete && report.applied.count == 26)
            let moved = try await repository.fastForward(
                to: next, fromStore: bench.store, branch: "main", expected: head, message: "round")
            #expect(moved == .moved(from: head, to: next))
            stages.append(milliseconds(middle - start))
            exchanges.append(milliseconds(end - middle))
            forwards.append(milliseconds(ContinuousClock.now - end))
            head = next
            try applier.discard(round)
        }
        #expect(try bench.user("git status --porcelain") == "")
        print(
            "\(files) files: stage \(median(stages)) ms, exchange \(median(exchanges)), branch and index \(median(forwards))"
        )
    }

    private func milliseconds(_ duration: Duration) -> Double { Double(duration.wholeNanoseconds) / 1_000_000 }
    private func median(_ values: [Double]) -> Double {
        (values.sorted()[values.count / 2] * 100).rounded(.toNearestOrEven) / 100
    }
}
