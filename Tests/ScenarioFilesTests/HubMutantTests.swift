import Foundation
import Primitives
import Simulation
import Testing

@testable import ScenarioFiles

@Suite(.enabled(if: MutantSet.isAvailable)) struct HubMutantTests {
    /// Seeds hardly ever bring a late push of a leader whose successor's push left the fence where it was: the scenario
    /// of a fence that is deleted does.
    @Test func `a push that leaves the fence behind is found where the fence is deleted`() throws {
        let place = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../simulations/hub/the-fence-is-deleted.sim")
        let file = try ScenarioParser.parse(path: "x.sim", bytes: Array(try Data(contentsOf: place)))
        let found = (UInt64(1)...40).lazy.compactMap { seed -> CheckID? in
            var scenario = file.compile(seed: seed)
            scenario.mutants.insert(.hubFenceKept)
            return Simulation.run(scenario).violation?.check
        }.first
        #expect(found?.rawValue == "H1")
    }
}
