"""In which style each program of the corpus is written: what a reader of it finds hard."""

from __future__ import annotations

STYLES = {
    "script with arrays": "flat_online flat_minibatch flat_fullbatch vectors_online vectorised while_loop deep dropout "
    "no_bias_dropout regression_tanh softmax_regression float32 other_loss out_argument einsum scipy_special matrix",
    "functions and containers": "functions_globals cli_args dict_params closures flat_vector generator package",
    "objects": "class_attributes dataclass_net layers list_network no_loss operator_overloading",
    "numbers and lists": "pure_python single_elements",
    "optimisers": "adam adamw_cosine adagrad_l1 momentum nesterov clip_decay optimisers accumulate micro_batches "
    "scipy_minimize",
    "recurrent": "recurrent lstm gru truncated_bptt",
    "convolution, attention, normalisation": "conv_loops im2col self_attention residual_layer_norm batch_norm",
    "losses and lookups": "hinge huber likelihood_ascent weighted_logits embedding skip_gram",
    "several networks, ties, policies": "gan distillation tied_autoencoder reinforce",
}
STYLE = {name: style for style, names in STYLES.items() for name in names.split()}
