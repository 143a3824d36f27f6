// The library product: `import Norma` brings definitions, the registry, checks, plugins, networks, data
// and export. The article in Norma.docc shows them.
@_exported public import NormaConformance
@_exported public import NormaCore
@_exported public import NormaData
@_exported public import NormaExport
@_exported public import NormaGraph
@_exported public import NormaNetwork
@_exported public import NormaNorms
@_exported public import NormaPlugins
