"""The command ``neuroalign cite``."""

import click


@click.command(
    epilog="""\b
Examples:
  neuroalign cite
  neuroalign cite alignment beta_vae AM-faces
  neuroalign cite ridge cowley2023-210325 timm:resnet50 > references.bib
"""
)
@click.argument("names", nargs=-1, metavar="[BENCHMARK|DATASET|MODEL]...")
def cite(names: tuple[str, ...]) -> int:
    """Print the BibTeX entries of neuroalign and of everything that is named.

    A comment above each entry names the benchmarks, datasets and models that it belongs to. A dataset or model without
    a citation is named in a comment.
    """
    from neuroalign.datasets.catalogue import dataset_names, load_dataset
    from neuroalign.errors import UnknownNameError, unknown_name
    from neuroalign.names import registry
    from neuroalign.names.syntax import parse_spec
    from neuroalign.reporting.text.citations import join_entries, list_entries

    datasets, benchmarks, models = [], [], []
    for name in names:
        plain = parse_spec(name).name
        scheme = f"{plain.partition(':')[0]}:"
        is_benchmark = plain in registry.benchmarks
        is_model = plain in registry.models or scheme in registry.models
        if is_benchmark:
            benchmarks.append(plain)
        if is_model:
            models.append(plain)
        if not is_benchmark and not is_model:
            try:
                datasets.append(load_dataset(name))
            except UnknownNameError as error:
                existing = [*registry.benchmarks.names(), *registry.models.names(), *dataset_names()]
                raise unknown_name("benchmark, dataset or model", name, existing) from error
    click.echo(join_entries(list_entries(datasets, benchmarks, models)), nl=False)
    return 0
