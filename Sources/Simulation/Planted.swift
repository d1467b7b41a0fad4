import Primitives

/// A mutant as scenario files and command lines name it. A build without mutants knows none.
package struct PlantedBug: Hashable, Sendable, CaseIterable {
    package var mutant: Mutant

    package init(_ mutant: Mutant) { self.mutant = mutant }

    package init?(rawValue: String) {
        guard let mutant = Mutant(name: rawValue) else { return nil }
        self.mutant = mutant
    }

    package var rawValue: String { mutant.facts?.name ?? "" }

    package static var allCases: [PlantedBug] { MutantSet.isAvailable ? Mutant.allCases.map(PlantedBug.init) : [] }
}

extension Scenario {
    /// The one mutant of this run.
    package var plant: PlantedBug? {
        get { Mutant.allCases.first(where: mutants.has).map(PlantedBug.init) }
        set {
            mutants = MutantSet()
            if let newValue { mutants.insert(newValue.mutant) }
        }
    }
}
